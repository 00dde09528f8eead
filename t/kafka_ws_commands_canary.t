#!/usr/bin/perl

# A thousand users who subscribe by commands, with a filter of the location by
# key: each gets exactly its own records, while connections are cut, nginx is
# reloaded, and one of them asks for what is not its own in every way there is.

# brokers: kafka
# run: alone
# timeout: 240

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(amount within);

# as in kafka_ws_filter_canary.t
use constant {
	USERS => amount(1000),
	PARTITIONS => 3,
	EACH => 100,			# records of a user on each partition
	RATE => amount(20_000),
	RELOADS => 2,
	ATTEMPTS => amount(20_000),
};

use constant COUNT => USERS * PARTITIONS * EACH;

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('own'), partitions => PARTITIONS);
my $secret = $b->create_topic($b->topic('secret'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(15);

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
        topics   $topic ~^never\$;
        zone     c 128m;
        ring     8m;
    }

    kafka_ws_cluster d {
        brokers  %%BROKERS%%;
        topics   $secret;
        zone     d 16m;
        ring     64k;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_fields    partition offset value;
        kafka_ws_commands  on rate=10000;

        location = / {
            kafka_ws         c;
            kafka_ws_filter  key = \$arg_u;
        }

        location = /part {
            kafka_ws            c;
            kafka_ws_partition  1;
            kafka_ws_filter     key = \$arg_u;
        }

        location = /secret {
            kafka_ws  d;
        }
    }
}

EOT

###############################################################################

my $c;

ok(wait_for(within(20), sub {
	$c = KafkaWS::Client->open($t->port(0), '/?u=nobody', commands => 1);
	return ($c->ask(command => 'subscribe', topic => $topic)->{code} // 0)
		!= 1013;
}), 'topics are known');

my $seconds = COUNT / RATE;

my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/',
	subscribe => $topic, connections => USERS, owners => USERS,
	run => 'canary', partitions => PARTITIONS,
	records => COUNT / PARTITIONS, cut => int(EACH * PARTITIONS / 5),
	seconds => $seconds + 60);

my $bulk = $b->bulk_start($topic, run => 'canary', owner => 1,
	keys => USERS, partitions => PARTITIONS, count => COUNT,
	rate => RATE, size => 100);

my $done = 0;

for (1 .. RELOADS) {
	sleep $seconds / (RELOADS + 1) / 2;
	$t->reload();
	$done++ if wait_for(20, sub { !$t->old_worker_pids() });
}

my ($attempts, $wrong, $foreign) = attack();
my $produced = $bulk->result();
my $r = $load->result(within(90));

is($done, RELOADS, 'reloads');
is($produced->{acked}, COUNT, 'records produced');
is($b->written($topic), COUNT, 'and each once');
is($r->{foreign}, 0, 'records of another user');
is($r->{lost}, 0, 'lost');
is($r->{doubled} + $r->{reordered}, 0, 'doubled, reordered');
is($r->{corrupt} + $r->{protocol} + $r->{errors}, 0, 'damaged');
is($r->{gaps} + $r->{moved}, 0, 'gaps');
is($r->{records}, COUNT, 'each record once');
is($r->{done}, USERS, 'everyone has all');
cmp_ok($r->{reconnects}, '>=', (RELOADS + 1) * USERS, 'came back');

is($attempts, ATTEMPTS, 'attempts to get what is not for one');
is($wrong, 0, 'each has its refusal');
is($foreign, 0, 'and none has a record');

note("$produced->{seconds} s, $r->{text}");

###############################################################################

# Whatever a command may name that is not allowed, with its code, many at once.
# returns: how many, those that had another answer, records that came
sub attack {
	my @ways = ways();
	my ($n, $wrong, $records) = (0, 0, 0);
	my $c = KafkaWS::Client->open($t->port(0), '/part?u=k0x',
		commands => 1);

	while ($n < ATTEMPTS) {
		my @now = map { $ways[$n++ % @ways] } 1 .. 50;

		last if $n > ATTEMPTS;

		$c->raw_write(join '', map { KafkaWS::WebSocket::frame(1,
			$_->[1]) } @now);

		for my $way (@now) {
			my $m = $c->next_json(10) // last;

			redo if ($m->{event} // '') =~ /^(start|idle)$/;
			$records++, redo if !defined $m->{event};

			next if $m->{event} eq 'error'
				&& $m->{code} =~ /^($way->[0])$/;
			diag("$way->[1]: " . $c->last_payload()) if !$wrong++;
		}
	}

	return ($n > ATTEMPTS ? ATTEMPTS : $n, $wrong, $records);
}

# [code, command]; the stream itself is there, of partition 1
sub ways {
	my $say = sub {
		return [$_[0], qq({"command":"subscribe","id":1,$_[1]})];
	};
	my @topics = ($secret, '__consumer_offsets', "\U$topic", "$topic ",
		"$topic\\u0020", "$topic/", "../$topic", "$topic\\n",
		"$topic,$secret", '.', '..', '*', '%', "${topic}x",
		'%2e%2e', '\u00e9', "$topic%00", 'x' x 249);

	return (
		(map { $say->(4403, qq("topic":"$_")) } @topics),
		(map { $say->('4403|4404', qq("topic":"$topic","partitions":)
			. $_) } '0', '"0"', '"0-1"', '"1-2"', '[0,1]', '[2]',
			'"0,1,2"', '"1-2147483646"'),
		(map { $say->('4403|4404', qq("topic":"$topic","cursor":)
			. $_) } '"0:0"', '"1:0,2:0"', '{"0":0}',
			'{"1":0,"0":"0"}', '"2147483647:0"'),
		(map { $say->(4400, qq("topic":"$topic",$_)) }
			'"topic":"x"', '"u":"k1"', '"key":"k1"',
			'"partitions":"0","partitions":"1"', '"start":null',
			'"cursor":"1:9223372036854775808"',
			'"cursor":"1:-1"', '"cursor":{"1":1e3}',
			'"cursor":{"1":1.0}', '"partitions":-1',
			'"partitions":"1;0"'),
		(map { $say->('4400|4403', qq("topic":"$topic","filter":$_)) }
			'{"key":"k1"}', '{"key":""}', '{}', '"k1"',
			'{"header:u":"k1"}', '{"json:/to/user":"k1"}'),
		$say->(4400, qq("topic":"$topic\\u0000")),
		$say->(4400, qq("topic":"\\ud800")),
		$say->(4400, q("topic":"")),
		$say->(4400, qq("topic":"$topic") . ',"x":' . '[' x 100),
	);
}

###############################################################################
