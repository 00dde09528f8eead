#!/usr/bin/perl

# Room for one segment of older records, and clients that are far below the
# rings of several topics: it goes from one topic's read to another's, and
# none says anything of a segment that is another's by now.

# brokers: kafka
# timeout: 200

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(within);

use constant {
	# bytes of a record: as many segments, but other offsets at a time
	SIZES => [100, 400, 1600],
	BYTES => 600_000,		# of a topic; the ring has 64k
	CLIENTS => 2,			# of each topic
	SECONDS => 60,
};

###############################################################################

my $b = KafkaWS::Broker->new();
my %topic = map { $_ => $b->create_topic($b->topic("room$_")) } @{ +SIZES };
my $t = KafkaWS::Nginx->new(broker => $b)->plan(3 * @{ +SIZES } + 2);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   @{[ map { $topic{$_} } @{ +SIZES } ]};
        zone     c 600k;
        ring     64k;
        preload  records=20;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

        kafka_ws_start  \$arg_start;

@{[ map { "        location = /$_ {
            kafka_ws        c;
            kafka_ws_topic  $topic{$_};
        }
" } @{ +SIZES } ]}
        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

is($b->produce_bulk($topic{$_}, run => "room$_", rate => 0, size => $_,
	count => BYTES / $_)->{failed}, 0, "$_: what is old") for @{ +SIZES };

$t->run();

# each topic has its ring before there is a segment

KafkaWS::Client->open($t->port(0), "/$_?start=latest")->wait_event('start', 10)
	for @{ +SIZES };

my %load = map { $_ => KafkaWS::Load->start(port => $t->port(0),
	uri => "/$_?start=earliest", connections => CLIENTS, run => "room$_",
	records => BYTES / $_, seconds => SECONDS) } @{ +SIZES };

ok(wait_for(10, sub { status()->{backfill}{segments} }), 'a segment');

for my $size (@{ +SIZES }) {
	my $r = $load{$size}->result(within(SECONDS + 20));

	is($r->{done}, CLIENTS, "$size: every record");
	is($r->{lost} + $r->{doubled} + $r->{reordered} + $r->{gaps}, 0,
		"$size: once, in order");
	note("$size: $r->{text}");
}

is(status()->{backfill}{segments}, 1, 'and no room for more');

###############################################################################

sub status { return $t->status()->{clusters}[0] }

###############################################################################
