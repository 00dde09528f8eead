#!/usr/bin/perl

# The logs are reopened (USR1) in flow, again and again, with a broker that
# comes and goes: nobody writes to an old file, no descriptor is lost.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Flow;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for);

use constant { TIME => 10, CLIENTS => 4, REOPENS => 20 };

my $b = KafkaWS::Broker->new(own => 1);
my $topic = $b->create_topic($b->topic('reopen'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(18
	+ KafkaWS::Neighbour::CHECKS);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    # who is not read while brokers come and go does not answer, either
    kafka_ws_ping  5m;

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

        location = /kafka_ws_status {
            kafka_ws_status;
        }

@{[ KafkaWS::Neighbour->locations ]}
    }

@{[ KafkaWS::Neighbour->server ]}
}

EOT

###############################################################################

my $flow = KafkaWS::Flow->new($t, clients => CLIENTS);
my $bulk = $b->bulk_start($topic, run => 'reopen', rate => 200, size => 100,
	seconds => 120);
my %pids = map { $_ => 1 } $t->helper_pid(), $t->worker_pids();
my $before = descriptors();
my $near = KafkaWS::Neighbour->start($t);

$near->quiet();

# in flow

my ($reopened, $flowed) = (0, 0);

for my $n (1 .. REOPENS) {
	last unless reopen($n);

	$reopened++;
	$flowed++ if $flow->read(10) == 10;
}

is($reopened, REOPENS, 'all processes have the new files, and no old ones');
is($flowed, REOPENS, 'flow');
is_deeply([$flow->lost()], [], 'none was closed');
is($flow->finish($bulk->stop()->{acked}), CLIENTS,
	'every record, once, in order');

# the helper speaks when the broker goes: while the files are exchanged

$near->quiet();
$b->down();

my $old = "error.log.@{[ REOPENS + 1 ]}";

ok(reopen(REOPENS + 1), 'reopened while the broker is down');
ok(wait_for(TIME, sub { status()->{broker}{state} eq 'down' }),
	'the broker is away');

reopen($_) for map { REOPENS + $_ } 2 .. 5;

my @all = map { "error.log.$_" } 1 .. REOPENS + 5;
my $size = sizes(@all);

$b->up();
ok($t->wait_log(qr/\[notice\] @{[ $t->helper_pid ]}#.* broker reached again/,
	2 * TIME), 'the helper writes to the new file');
is(lines(qr/no broker can be reached/, @all, 'error.log'), 1,
	'one line said that the broker was away');
is(lines(qr/broker reached again/, @all, 'error.log'), 1,
	'one line said that it is back');

$near->finish(log => join '', map { $t->read_testfile($_) } @all,
	'error.log');

# and the workers

my $c = $flow->open();
my $stream = qr{"GET / HTTP/1.1" 101 };

$b->produce($topic, 'after');
ok($c->next_record(TIME), 'a stream');
$c->close(1000);
ok($c->wait_eof(TIME), 'ends');
ok(wait_for(TIME, sub { lines($stream, 'access.log') }),
	'its line is in the new access log');
is(lines($stream, map { "access.log.$_" } 1 .. REOPENS + 5), 0,
	'no old access log has one of the streams that are still there');
is(sizes(@all), $size, 'no old error log grows');

is($t->read_testfile('stderr.log'), '', 'nobody writes past the logs');

ok(wait_for(TIME, sub { descriptors() == $before }), 'descriptors')
	or diag(descriptors() . " are not $before");
is_deeply([map { $pids{$_} // 0 } $t->helper_pid(), $t->worker_pids()],
	[1, 1, 1], 'the same processes');
is(status()->{epoch}, 1, 'the same writer');

###############################################################################

# Moves the logs away and has them opened again.
# returns: true when all processes have done so
sub reopen {
	my ($n) = @_;
	my $dir = $t->testdir();

	for my $log (qw(error.log access.log)) {
		rename "$dir/$log", "$dir/$log.$n" or die "$log: $!\n";
	}

	$t->signal('USR1');

	return wait_for(TIME, sub {
		my @open = map { open_logs($_) } processes();

		return -e "$dir/error.log" && -e "$dir/access.log"
			&& !grep { /\.\d+$/ } @open;
	});
}

sub processes {
	return ($t->master_pid(), $t->helper_pid(), $t->worker_pids());
}

sub open_logs {
	my ($pid) = @_;

	return grep { m{/(?:error|access)\.log} } map { readlink($_) // '' }
		glob "/proc/$pid/fd/*";
}

# of those that stay; the helper's connections come and go
sub descriptors {
	my $helper = $t->helper_pid();
	my @fds = map { glob "/proc/$_/fd/*" }
		$t->master_pid(), $t->worker_pids();

	return @fds + open_logs($helper);
}

sub sizes { return join ' ', map { -s $t->testdir() . "/$_" } @_ }

sub lines {
	my ($pattern, @files) = @_;

	return scalar grep { $_ =~ $pattern }
		map { split /\n/, $t->read_testfile($_) } @files;
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
