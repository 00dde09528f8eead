#!/usr/bin/perl

# A stop while librdkafka's queues are full of records that nobody has read,
# and a configuration test with brokers that would take any connection.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use List::Util qw(min);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount within unmeasured);
use KafkaWS::Process qw(tool);
use KafkaWS::Stall;

use constant { TIME => 20, PARTITIONS => 4, RECORDS => amount(40000),
	SIZE => 1000, ROUNDS => 5, DRAIN => 1, THREADS => 1000, TRIES => 10 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('full'), partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $b);

$t->plan(2 * 3 * ROUNDS + 5);

sub conf {
	my ($nginx, $name) = @_;

	$nginx->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  @{[ DRAIN ]}s;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $name;
        zone      c 64m;
        ring      1m;
        preload   records=100000;
        property  fetch.wait.max.ms 5;
        property  queued.max.messages.kbytes 65536;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT
}

###############################################################################

my $sent = $b->produce_bulk($topic, count => RECORDS, size => SIZE,
	partitions => PARTITIONS);

is($sent->{failed}, 0, 'records produced');
conf($t, $topic);

my $stall = KafkaWS::Stall->start();

# it has taken a part of what there is, and the queues are full of the rest

for my $signal ('QUIT', 'TERM') {
	my $name = $signal eq 'QUIT' ? 'stop' : 'fast stop';

	for my $n (1 .. ROUNDS) {
		$t->run();

		my $c = KafkaWS::Client->open($t->port(0), '/',
			ready => TIME);
		my $next = wait_for(TIME, \&records);

		$stall->lap();

		my $since = now();

		ok($t->stop($signal), "$name $n: in order");

		my $took = now() - $since;
		my $late = $stall->lap()->{total};

		cmp_ok($took - $late, '<', within(DRAIN + 0.1),
			"$name $n: in the time to drain and 100 ms");
		is(($c->wait_close(TIME))[0], 1001, "$name $n: Close");
		note(sprintf '%s %d: %.3f s, of which the machine is late by '
			. '%.3f; %d of %d records taken', $name, $n, $took,
			$late, $next, RECORDS);
	}
}

# a broker that takes connections and answers nothing

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5)
	or die "listen: $!\n";

my $deaf = KafkaWS::Nginx->new(
	broker => '127.0.0.1:' . $listener->sockport,
	preload => tool('threads.so'));

$deaf->{env}{TEST_THREADS_FILE} = $deaf->testdir() . '/threads';
$deaf->write_file('threads', pack 'l2', THREADS, 0);
conf($deaf, 'any');

# without a broker at all, as often: what nginx, its libraries and the machine
# take is there, too, and what a broker would cost is there each time

my ($bare, $took, $failed) = (9, 9, 0);

for (1 .. TRIES) {
	my ($time) = conf_test("%%MODULE%%\n%%GLOBALS%%\nevents { }\n");

	$bare = min($bare, $time);
	($time, my $code) = conf_test();
	$took = min($took, $time);
	$failed ||= $code;

	last if $took < $bare + 0.1;
}

is($failed, 0, 'configuration test');

SKIP: {
	unmeasured(1);
	cmp_ok($took, '<', $bare + 0.1, 'configuration test: time');
}

is((unpack 'l2', $deaf->read_testfile('threads'))[0], THREADS,
	'configuration test: no thread');
ok(!IO::Select->new($listener)->can_read(0.2),
	'configuration test: no connection');

###############################################################################

# returns: how long "nginx -t" takes, its exit code
sub conf_test {
	my $since = now();
	my ($code) = $deaf->conf_test(@_);

	return (now() - $since, $code);
}

# returns: how many the helper has taken so far
sub records { return $t->status()->{clusters}[0]{records} }

###############################################################################
