#!/usr/bin/perl

# Two thousand topics, allowed by a regular expression and named by the address,
# in a zone that has room for some two hundred: clients on changing topics get
# exactly what is theirs, and neither process grows.

# brokers: kafka mock
# timeout: 300

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Load qw(private_bytes);
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount unmeasured);

use constant {
	TIME => 30,
	WAVES => 20,			# of topics
	EACH => 100,			# topics of a wave, and clients
	ROUNDS => 2,			# over all of them
	RECORDS => 5,			# for each client in each round
	GROWTH => 1.15,			# at most, after the first round
};

my $kafka = KafkaWS::Broker->new(own => 1);
my $base = $kafka->topic('many');

$kafka->create_topics("$base.$_", EACH) for 0 .. WAVES - 1;

my $t = KafkaWS::Nginx->new(broker => $kafka)->plan(17);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    ~^$base\\.\\d+\\.\\d+\$;
        zone      c 18m;
        ring      64k idle=1h;
        preload   records=10;
        property  fetch.wait.max.ms 20;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

        kafka_ws_fields  partition offset value;

        location ~ ^/(?<wave>\\d+)/(?<number>\\d+)\$ {
            kafka_ws        c;
            kafka_ws_topic  $base.\$wave.\$number;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

ok(wait_for(TIME, sub { status()->{rings}{known} == WAVES * EACH }),
	'topics are known');

my $room = int status()->{zone}{free} / 1024 / 77;
my $helper = $t->helper_pid();
my @workers = $t->worker_pids();

note("room for the rings of $room of them");
cmp_ok($room, '>=', 1.5 * EACH, 'there is room for those of a wave');
cmp_ok($room, '<=', WAVES * EACH / 5, 'and not for a fifth of all');

my (%sum, @memory);
my $since = now();
my $at_first = private_bytes($helper);

for my $round (1 .. ROUNDS) {

	for my $wave (0 .. WAVES - 1) {
		my $run = "r$round-$wave";
		my $load = KafkaWS::Load->start(port => $t->port(0),
			uri => "/$wave/", topics => EACH, connections => EACH,
			run => $run, records => RECORDS, linger_ms => 50,
			seconds => 60);

		$kafka->produce_bulk("$base.$wave", run => $run, topics => 1,
			partitions => EACH, count => EACH * RECORDS,
			size => 100);

		my $r = $load->result(90);

		diag("round $round, wave $wave: $r->{text}") if $r->{exit};

		$sum{$_} += $r->{$_} for qw(exit done records lost doubled
			reordered corrupt gaps reconnects refused);
	}

	push @memory, [map { private_bytes($_) } $helper, @workers];
}

note(sprintf '%.1f s; helper and workers, MB: %s; helper, of each topic that '
	. 'was wanted: %d bytes', now() - $since, join('; ', map { join ' ',
	map { sprintf '%.1f', $_ / 1e6 } @$_ } @memory),
	($memory[0][0] - $at_first) / WAVES / EACH);

my $all = ROUNDS * WAVES * EACH;

is($sum{exit}, 0, 'every client is content');
is($sum{done}, $all, 'and has all of its records');
is($sum{records}, $all * RECORDS, 'so many in all');
is($sum{$_}, 0, "none $_") for qw(lost doubled reordered corrupt gaps
	reconnects refused);

my $s = status();

cmp_ok($s->{rings}{made}, '<=', $room, 'no more rings than there is room for');
cmp_ok($s->{rings}{evicted}, '>=', $all - $room - EACH,
	'those of other topics gave way');

SKIP: {
	unmeasured(2);

	cmp_ok($memory[-1][0] / $memory[0][0], '<=', GROWTH,
		'memory of the helper');
	cmp_ok(($memory[-1][1] + $memory[-1][2])
		/ ($memory[0][1] + $memory[0][2]), '<=', GROWTH,
		'memory of the workers');
}

###############################################################################

sub status { return $t->status()->{clusters}[0] }

###############################################################################
