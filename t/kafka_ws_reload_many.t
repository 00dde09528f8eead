#!/usr/bin/perl

# A hundred reloads in flow: clients that come back at once lose nothing and
# have the next record soon, old workers go in time, neighbours and the log
# notice nothing.

# brokers: kafka
# run: alone
# timeout: 300

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount within unmeasured);

use constant {
	CLIENTS => amount(50),
	RELOADS => amount(100),
	PARTITIONS => 4,
	RATE => amount(1000),
	STEP => within(0.55),		# seconds for each reload
	DRAIN => 0.2,
	RESUME => 250_000,		# us
	TURN => 20,			# reloads, then a time without any
};

use constant SECONDS => int(RELOADS * STEP + 8
	+ (RELOADS / TURN + 2) * (KafkaWS::Neighbour::QUIET + 0.5));

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('many'), partitions => PARTITIONS);

# the mock answers a fetch without data only when its time is over
my $wait = $b->kind eq 'mock' ? 5 : 500;

my $t = KafkaWS::Nginx->new(broker => $b)->plan(16
	+ KafkaWS::Neighbour::CHECKS);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  @{[ DRAIN * 1000 ]}ms;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 64m;
        property  fetch.wait.max.ms $wait;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location /t {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }

@{[ KafkaWS::Neighbour->locations ]}
    }

@{[ KafkaWS::Neighbour->server ]}
}

EOT

###############################################################################

my $near = KafkaWS::Neighbour->start($t);
my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, partitions => PARTITIONS, run => 'many',
	records => RATE * SECONDS / PARTITIONS, seconds => SECONDS + 60);

my $bulk = $b->bulk_start($topic, run => 'many', rate => RATE, size => 200,
	partitions => PARTITIONS, count => RATE * SECONDS);

my $start = now();
my (@gone, $stay);

for my $n (1 .. RELOADS) {
	$near->quiet() if $n % TURN == 1;

	my $began = now();

	$t->reload();

	if (wait_for(20, sub { !$t->old_worker_pids() })) {
		push @gone, now() - $began;

	} else {
		$stay++;
	}

	my $left = $began + STEP - now();

	sleep $left if $left > 0;
}

$near->finish();

cmp_ok(now() - $start, '<', SECONDS, 'all of it within the flow');

is(scalar @gone, RELOADS, 'reloads, old workers gone');
is($stay, undef, 'none stays');

cmp_ok(max(@gone), '<', within(DRAIN + 1), 'in the time to drain and a second');

my $produced = $bulk->result(60);
my $r = $load->result(90);

# the first ones may come before the topics are known
delete $r->{codes}{503};

is($produced->{failed}, 0, 'all records produced');
is($r->{done}, CLIENTS, 'every client has every record');
is($r->{lost}, 0, 'lost');
is($r->{doubled}, 0, 'doubled');
is($r->{reordered}, 0, 'reordered');
is($r->{corrupt} + $r->{protocol} + $r->{gaps}, 0, 'frames in order');
is($r->{moved}, 0, 'every resume at its cursor');
is($r->{resets} + $r->{eofs} + $r->{close_resets} + $r->{turned_away}, 0,
	'no connection cut or turned away');
is_deeply($r->{codes}, { 1000 => CLIENTS, 1012 => CLIENTS * RELOADS },
	'each reload sends 1012, nothing else closes');
is($r->{resume_us}{n}, CLIENTS * RELOADS, 'all came back');

SKIP: {
	unmeasured(2);

	cmp_ok($r->{resume_us}{p99}, '<', RESUME,
		'from Close to the next record, p99');
	cmp_ok($r->{stall_us}{max}, '<', 1_000_000,
		'longest stall under a second');
}

note(sprintf 'gone after %.3f to %.3f s', min(@gone), max(@gone));
note($r->{text});

###############################################################################
