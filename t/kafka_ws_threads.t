#!/usr/bin/perl

# Threads cannot be started in the helper: first those of the module, then
# each of librdkafka's in turn.  Other sites notice nothing, and the streams
# begin, or go on, once there are threads again.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Flow;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(tool);
use KafkaWS::Waited;

# two of the module's; two handles with threads for themselves, for the
# bootstrap broker, the coordinator and the one broker

use constant { TIME => 10, CLIENTS => 2, OURS => 2, LAST => 8 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('threads'));

my $t = KafkaWS::Nginx->new(broker => $b, preload => tool('threads.so'));

$t->{env}{TEST_THREADS_FILE} = $t->testdir() . '/threads';
$t->plan(10 + 3 * LAST);

# librdkafka asserts that its coordinator's thread starts

$t->allow_alert(qr/cache manager process \d+ exited on signal [69]\b/);

$t->write_file('file.html', 'static');
$t->write_file('threads', '');
chmod 0666, $t->testdir() . '/threads';
fail_after(0, 1_000_000);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        preload   records=1000;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
        }

        location = /ws {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# at the start

ok($t->wait_log(qr/pthread_create\(\) failed, trying again \(11: /, TIME),
	'start: said in the log');
is($t->http_get('/file.html')->body, 'static', 'start: another site');
is(KafkaWS::Client->connect($t->port(0), '/ws')->status, 503,
	'start: a stream is not there yet');

my $queued = KafkaWS::Waited->new($$, $t->pids(qr/./));
my $since = now();

fail_after(0, OURS);

my $flow = KafkaWS::Flow->new($t, clients => CLIENTS, uri => '/ws');

cmp_ok(now() - $since - $queued->seconds(), '<', within(2 * OURS + 1),
	'start: streams begin');
is(left(), 0, 'start: each failed once');
is(lines(qr/pthread_create/), 1, 'start: one line in the log');

my $bulk = $b->bulk_start($topic, run => 'threads', rate => 50, size => 100,
	seconds => 120);

is($flow->read(20), 20, 'flow');

# one thread of the next helper fails, after so many that did not

for my $n (1 .. LAST) {
	my $old = status()->{helper_pid};
	my $lines = lines(qr/\[(?:warn|error)\]/);

	fail_after($n, 1);
	kill 'KILL', $old;

	wait_for(2 * TIME, sub { status()->{helper_pid} != $old });

	is($flow->read(25, TIME), 25, "after $n: streams go on");
	is($t->http_get('/file.html')->body, 'static',
		"after $n: another site");
	cmp_ok(lines(qr/\[(?:warn|error)\]/), '<=', $lines + 3,
		"after $n: few lines in the log");
}

is_deeply([$flow->lost()], [], 'no connection was closed');
is($flow->finish($bulk->stop()->{acked}), CLIENTS,
	'every record, once, in order');
is(status()->{gaps} + status()->{lapped}, 0, 'no gaps');

###############################################################################

# nginx's processes can start so many threads from now on, then as many not
sub fail_after {
	my ($succeed, $fail) = @_;

	# in place: nginx has the file in its memory
	open my $f, '+<', $t->testdir() . '/threads' or die "threads: $!\n";
	syswrite $f, pack 'l2', $succeed, $fail;
	close $f;
}

sub left { return (unpack 'l2', $t->read_testfile('threads'))[1] }

sub lines {
	my ($pattern) = @_;

	return scalar grep { $_ =~ $pattern } split /\n/, $t->log();
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
