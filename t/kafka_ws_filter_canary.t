#!/usr/bin/perl

# A thousand users, a million records, each of which names its owner in its
# value: with a filter by key everyone gets exactly its own, while connections
# are cut and nginx is reloaded.  Then the same by header and by JSON.

# brokers: kafka
# run: alone
# timeout: 240

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(amount within);

# three partitions and a thousand users have no divisor in common, so each
# user has records on each partition
use constant {
	USERS => amount(1000),
	PARTITIONS => 3,
	RATE => amount(30_000),
	CHECKS => 11,
};

# location, records of each user on each partition, reloads, how they come
my @flows = (
	['key', 334, 3],
	['header', 34, 1, header => 'to'],
	['json', 34, 1, json => 1],
);

my $b = KafkaWS::Broker->new();
my %topic = map { $_->[0] => $b->create_topic($b->topic($_->[0]),
	partitions => PARTITIONS) } @flows;

my $t = KafkaWS::Nginx->new(broker => $b)->plan(CHECKS * @flows);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
    worker_connections  2048;
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  1s;

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   @{[ join ' ', map { $topic{$_} } sort keys %topic ]};
        zone     c 400m;
        ring     16m;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_fields  partition offset value;

        location = /key {
            kafka_ws         c;
            kafka_ws_topic   $topic{key};
            kafka_ws_filter  key = \$arg_u;
        }

        location = /header {
            kafka_ws         c;
            kafka_ws_topic   $topic{header};
            kafka_ws_filter  header:to = \$arg_u;
        }

        location = /json {
            kafka_ws         c;
            kafka_ws_topic   $topic{json};
            kafka_ws_filter  json:/to/user = \$arg_u;
        }
    }
}

EOT

flow(@$_) for @flows;

# produces, reloads meanwhile, and compares what all have got in the end
sub flow {
	my ($name, $each, $reloads, @how) = @_;
	my $count = USERS * PARTITIONS * $each;
	my $seconds = $count / RATE;

	# everyone cuts its connection for each fifth of its records
	my $load = KafkaWS::Load->start(port => $t->port(0), uri => "/$name",
		connections => USERS, owners => USERS, run => $name,
		partitions => PARTITIONS, records => $count / PARTITIONS,
		cut => int($each * PARTITIONS / 5),
		seconds => $seconds + 60);

	my $bulk = $b->bulk_start($topic{$name}, run => $name, owner => 1,
		keys => USERS, partitions => PARTITIONS, count => $count,
		rate => RATE, size => 100, @how);

	my $done = 0;

	for (1 .. $reloads) {
		sleep $seconds / ($reloads + 1) / 2;
		$t->reload();
		$done++ if wait_for(20, sub { !$t->old_worker_pids() });
	}

	my $produced = $bulk->result();
	my $r = $load->result(within(90));

	is($done, $reloads, "$name: reloads");
	is($produced->{acked}, $count, "$name: records produced");
	is($b->written($topic{$name}), $count, "$name: and each once");
	is($r->{foreign}, 0, "$name: records of another user");
	is($r->{lost}, 0, "$name: lost");
	is($r->{doubled} + $r->{reordered}, 0, "$name: doubled, reordered");
	is($r->{corrupt} + $r->{protocol} + $r->{errors}, 0,
		"$name: damaged");
	is($r->{gaps} + $r->{moved}, 0, "$name: gaps");
	is($r->{records}, $count, "$name: each record once");
	is($r->{done}, USERS, "$name: everyone has all");
	cmp_ok($r->{reconnects}, '>=', ($reloads + 1) * USERS,
		"$name: came back");

	note("$name: $produced->{seconds} s, $r->{text}");
}
