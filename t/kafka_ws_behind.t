#!/usr/bin/perl

# Three hundred clients begin far back, each of which wants one record of a
# thousand: its worker looks at what they are behind once for all of them, in
# the ring and of what is older, so that what it costs for each of them is
# next to nothing beside what it costs for one that comes by itself.  What it
# remembers for that it gives back.

# brokers: kafka
# run: alone

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(sum);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Load qw(private_bytes cpu_ns);
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(within);

# three partitions and a thousand users have no divisor in common
use constant { USERS => 1000, PARTITIONS => 3, EACH => 20, CLIENTS => 300,
	SINGLE => 3,		# clients by themselves, one after the other
	RATIO => 2,		# of the time that it takes for one of them
	ROUNDS => 3,
	MEMORY => 2e6,		# bytes, more than after the first one: what is
				# remembered takes 1.6e6 each time
};

use constant COUNT => USERS * PARTITIONS * EACH;

my @filters = (
	['held/key', c => 'key = $arg_u'],
	['held/list', c => 'key in $arg_u,nobody'],
	['held/terms', c => 'header:to ^= k; kafka_ws_filter key = $arg_u'],
	['held/prefix', c => 'key ^= $arg_u'],
	['older/header', d => 'header:to = $arg_u'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('far'), partitions => PARTITIONS);
my $t = KafkaWS::Nginx->new(broker => $b)->plan(3 + ROUNDS * 5 * @filters);

my $locations = join "\n", map { <<"EOT" } @filters;
        location = /$_->[0] {
            kafka_ws         $_->[1];
            kafka_ws_filter  $_->[2];
        }
EOT

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 128m;
        ring     8m;
    }

    # it holds next to nothing

    kafka_ws_cluster d {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     d 64m;
        ring     64k;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_topic     $topic;
        kafka_ws_fields    partition offset value;
        kafka_ws_start     earliest;
        kafka_ws_backfill  records=1000000;
        kafka_ws_slow      close lag=5m;

$locations

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

# all of it is there before anybody comes

my $bulk = $b->bulk_start($topic, run => 'far', owner => 1, keyed => 1,
	header => 'to', keys => USERS, partitions => PARTITIONS,
	count => COUNT, size => 100);

is($bulk->result()->{acked}, COUNT, 'records produced');
ok(wait_for(within(30), sub {
	for my $cluster (@{ $t->status()->{clusters} }) {
		my @next = map { $_->{next} } map { @{ $_->{partitions} } }
			@{ $cluster->{topics} };

		return 0 unless @next == PARTITIONS
			&& !grep { $_ != COUNT / PARTITIONS } @next;
	}

	return 1;
}), 'all is read');

my ($worker) = $t->worker_pids();

far(@$_) for @filters;

my $memory = private_bytes($worker);

far(@$_) for (@filters) x (ROUNDS - 1);

cmp_ok(private_bytes($worker) - $memory, '<', MEMORY, 'memory');

sub far {
	my ($name) = @_;
	my $alone = sum(map { (clients($name, 1))[1] } 1 .. SINGLE) / SINGLE;
	my ($r, $each) = clients($name, CLIENTS);

	# k1 gets those of k10, too
	is(($name =~ /prefix/ ? 0 : $r->{foreign}) + $r->{corrupt}
		+ $r->{protocol} + $r->{errors}, 0,
		"$name: records of another user, damaged");
	is($r->{lost} + $r->{gaps} + $r->{moved}, 0, "$name: lost");
	is($r->{doubled} + $r->{reordered}, 0, "$name: doubled, reordered");
	is($r->{done}, CLIENTS, "$name: everyone has all");
	cmp_ok($each, '<', $alone / RATIO, "$name: time of the worker");
	note(sprintf '%s: %.0f us by itself, %.0f us with others', $name,
		$alone / 1000, $each / 1000);
}

# returns: what so many got, and ns of the worker for each of them
sub clients {
	my ($name, $n) = @_;
	my $cpu = cpu_ns($worker);
	my $r = KafkaWS::Load->start(port => $t->port(0), uri => "/$name",
		connections => $n, owners => USERS, run => 'far',
		partitions => PARTITIONS, records => COUNT / PARTITIONS,
		seconds => 60)->result(within(90));

	return $r, (cpu_ns($worker) - $cpu) / $n;
}
