#!/usr/bin/perl

# Memory that is not to be had: each allocation of a worker while a client
# comes and goes, and of the helper while it runs and while it starts.  It is
# that client's affair, which has a Close 1011 if it had a 101; the worker
# stays, and no record is lost.

# brokers: kafka mock
# timeout: 300

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
use KafkaWS::Pace qw(amount unmeasured);
use KafkaWS::Process qw(tool);

use constant { TIME => 10, CLIENTS => 2, PARTITIONS => 2, OWN => 12,
	ANY => amount(12), MOST => amount(400) };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('memory'), partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $b, preload => tool('memory.so'));

$t->{env}{TEST_MEMORY_FILE} = $t->testdir() . '/memory';
$t->plan(24);

# nginx says so itself, and librdkafka gives up

$t->allow_alert(qr/\[emerg\] .* failed \(12: Cannot allocate memory\)/,
	qr/cache manager process \d+ exited on signal (?:6|9|11)\b/);

$t->write_file('memory', "\0" x 4096);
chmod 0666, $t->testdir() . '/memory';

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_slow  close lag=1h;
    kafka_ws_ping  30s timeout=10m;

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
            kafka_ws  c;
        }

        location = /deflate {
            kafka_ws          c;
            kafka_ws_deflate  on;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $flow = KafkaWS::Flow->new($t, clients => CLIENTS);
my ($worker) = $t->worker_pids();
my $bulk = $b->bulk_start($topic, run => 'memory', rate => 200, size => 100,
	partitions => PARTITIONS, seconds => 280);

is($flow->read(20), 20, 'flow');

# The worker: each allocation in turn, until one is not reached.

for my $case (['a client', \&client, 5], ['a client, deflate', \&deflate, 5],
	['the status page', \&page, 100])
{
	my ($name, $run, $least) = @$case;
	my ($n, %got) = (0);

	for ( ; $n < MOST; $n++) {
		deny($worker, $n);

		my $what = $run->();

		last if left();
		$got{$what}++;
	}

	deny(0, 0, 0);

	note("$name: ", join ', ', map { "$_: $got{$_}" } sort keys %got);

	SKIP: {
		unmeasured(1);
		cmp_ok($n, '>=', $least, "$name: so many allocations");
	}

	is_deeply([grep { !/^(?:served|500|503|1011|cut)$/ } keys %got], [],
		"$name: what became of it");
	is($run->(), 'served', "$name: served afterwards");
}

is_deeply([$t->worker_pids()], [$worker], 'the worker is still there');

# those who were there all the time may have been hit, too

my @lost = $flow->lost();

is_deeply([grep { !/^1011/ } keys %{ @lost ? $flow->closes(@lost)
	: {} }], [], 'how others were closed, if they were');
$flow->back(@lost) if @lost;
is($flow->read(20), 20, 'flow after that');

# The helper: what the module itself asks for, while it runs; each round of
# questions takes some.

my $helper = $t->helper_pid();
my $reached = 0;

for my $n (0 .. OWN - 1) {
	deny($helper, $n, 1, 1);
	$reached++ if wait_for(TIME, sub { !left() });
	$flow->read(20);
}

SKIP: {
	unmeasured(1);
	is($reached, OWN, 'the helper asked in vain');
}

is($t->helper_pid(), $helper, 'and is still there');
is($flow->read(20), 20, 'flow with it');

# ... and while it starts

my $n = 0;

for ( ; $n < MOST; $n++) {
	deny(-$worker, $n, 1, 1);
	another();

	# it may have records before all of its start is done
	last if $flow->read(20) < 20 || !wait_for(1, sub { !left() });
}

deny(0, 0, 0);

SKIP: {
	unmeasured(1);
	cmp_ok($n, '>=', 8, 'allocations of its start');
}

is(lines(qr/exited on signal (?!9)/), 0, 'none of it ended a process');
is($flow->read(20), 20, 'flow after each');

# What librdkafka asks for: it ends the process, and nginx starts another one.

for my $n (map { 3 * $_ * $_ } 0 .. ANY - 1) {
	deny($t->status()->{clusters}[0]{helper_pid}, $n);
	wait_for(TIME, sub { !left() });
	$flow->read(20);

	deny(-$worker, 2 * $n, 1, 2);
	another();
	last if $flow->read(20) < 20;
}

deny(0, 0, 0);

is($flow->read(20), 20, 'flow after the library\'s');
is_deeply([$flow->lost()], [], 'no connection was closed');
is_deeply([$t->worker_pids()], [$worker], 'the same worker');
is($flow->finish($bulk->stop()->{acked}), CLIENTS,
	'every record, once, in order');
is($t->status()->{clusters}[0]{gaps}, 0, 'no gaps');

###############################################################################

# process: its id, or all but -process; so many allocations are granted, and
# so many after them (1) are not; own: 1: only what the module asks for, 2: all
# but what nginx does, which is no helper any more without
sub deny {
	my ($process, $succeed, $fail, $own) = @_;

	# in place: nginx has the file in its memory
	open my $f, '+<', $t->testdir() . '/memory' or die "memory: $!\n";

	# nothing fails while the rest is written
	sysseek $f, 12, 0;
	syswrite $f, pack 'l', 0;
	sysseek $f, 0, 0;
	syswrite $f, pack 'l4', $process, $own // 0, $succeed, $fail // 1;
	close $f;
}

sub left { return (unpack 'l4', $t->read_testfile('memory'))[3] }

# kills the helper and waits for the writer after it
sub another {
	my $old = $t->status()->{clusters}[0]{helper_pid};

	kill 'KILL', $old;
	wait_for(2 * TIME, sub {
		$t->status()->{clusters}[0]{helper_pid} != $old })
		or die "no other helper\n" . $t->log();
}

sub client { return come('/') }
sub deflate { return come('/deflate', deflate => 1) }

# A client that comes, reads and goes.  returns: what became of it; "cut"
# before the 101 response, "bare" behind it, without a Close
sub come {
	my ($uri, %o) = @_;
	my $c = eval { KafkaWS::Client->connect($t->port(0), $uri, %o) };

	return gone($@) unless $c;
	return $c->status || 'cut' if $c->isa('KafkaWS::Response');

	my $n = 0;

	eval { $n = $c->records(5, TIME) if $c->wait_event('start', TIME); 1 }
		or return gone($@) eq 'cut' ? 'bare' : $@;

	if ($n == 5) {
		$c->close(1000);
		$c->wait_eof(TIME);
		return 'served';
	}

	return $c->{close} ? $c->{close}[0] : $c->eof ? 'bare' : 'stuck';
}

sub gone {
	my ($why) = @_;

	return $why =~ /connection|closed|reset|EOF|no (?:whole )?answer/i
		? 'cut' : $why;
}

sub page {
	my $r = eval { $t->http_get('/kafka_ws_status', timeout => TIME) };

	return gone($@) unless $r;

	return $r->status == 200 ? 'served' : $r->status || 'cut';
}

sub lines {
	my ($pattern) = @_;

	return scalar grep { $_ =~ $pattern } split /\n/, $t->log();
}

###############################################################################
