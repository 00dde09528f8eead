#!/usr/bin/perl

# No descriptor is left in a worker, then in the helper; no connection is
# left in a worker: those who are there notice nothing.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Select;
use IO::Socket::INET;
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Flow;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);

use constant { TIME => 10, CLIENTS => 4, CONNECTIONS => 32 };

my $b = KafkaWS::Broker->new(own => 1);
my $topic = $b->create_topic($b->topic('none'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(32
	+ KafkaWS::Neighbour::CHECKS);

# nginx's own, one for each that it can not take

$t->allow_alert(qr/accept4\(\) failed \(24: /,
	qr/ worker_connections are not enough$/,
	qr/cache manager process \d+ exited on signal 9$/);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
    worker_connections  @{[ CONNECTIONS ]};
}

http {
    %%GLOBALS_HTTP%%

    # who is not read for long does not answer, either
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
my ($worker) = $t->worker_pids();
my $helper = $t->helper_pid();
my ($sent, $bulk) = (0);

start_bulk();
is($flow->read(20), 20, 'flow');

my $descriptors = descriptors($worker);

# a worker without descriptors: who comes waits, as nginx does not accept

my $limit = limit($worker);

limit($worker, lowest_free($worker));

my $late = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	PeerPort => $t->port(0)) or die "connect: $!\n";

syswrite $late, "GET /kafka_ws_status HTTP/1.0\x0d\x0a\x0d\x0a";

ok($t->wait_log(qr/accept4\(\) failed \(24: /, TIME),
	'worker: no descriptor for a new client');
is($flow->read(100), 100, 'worker: streams go on');
is(scalar(IO::Select->new($late)->can_read(0)), undef,
	'worker: the new client waits');
is_deeply([$flow->lost()], [], 'worker: none was closed');

limit($worker, $limit);

ok(IO::Select->new($late)->can_read(within(TIME)),
	'worker: it has its turn when there are descriptors');
sysread $late, my $answer, 12;
is($answer, 'HTTP/1.1 200', 'worker: and its answer');
close $late;
is($flow->back(0), 1, 'worker: a client comes back');
is($flow->read(20), 20, 'worker: flow again');

# the helper without descriptors: it can not reach a broker that was away

is($flow->finish(stop_bulk()), CLIENTS, 'helper: all has arrived');

my $near = KafkaWS::Neighbour->start($t);

$near->quiet();

$limit = limit($helper);
$b->down();
ok(wait_for(TIME, sub { status()->{broker}{state} eq 'down' }),
	'helper: the broker is away');

# its sockets come and go now; the first three are always taken
limit($helper, 3);
my $since = now();

$b->up();
start_bulk();

my $lines = () = $t->log() =~ /\n/g;

is($flow->read(1, 0.5), 0, 'helper: nothing comes');
is(status()->{broker}{state}, 'down', 'helper: the status says why');
ok(wait_for(TIME, sub {
	my $ago = 1000 * (now() - $since);

	return status()->{heartbeat_age_ms} < $ago;
}), 'helper: its heart beats');
cmp_ok(scalar(() = $t->log() =~ /\n/g), '<', $lines + 20,
	'helper: hardly a line in the log');
is_deeply([$flow->lost()], [], 'helper: none was closed');

limit($helper, $limit);

is($flow->read(20, 2 * TIME), 20, 'helper: flow again');
ok(wait_for(TIME, sub { status()->{broker}{state} eq 'up' }),
	'helper: the broker is there');
is($t->helper_pid(), $helper, 'helper: the same all the time');
$near->quiet();

# one that starts without: what the master has left is enough for nginx, but
# not for librdkafka, or with one less

my $master = $t->master_pid();

$limit = limit($master);
ok(lacks(6) || lacks(5), 'new helper: says that it lacks something');
limit($_, $limit) for $master, $helper;
is($flow->read(20, 2 * TIME), 20, 'new helper: flow again');
is($t->helper_pid(), $helper, 'new helper: it was not started again');
$near->finish();

# no connection left: the next one is closed at once

my @more;

ok(!eval { push @more, $flow->open() for 1 .. CONNECTIONS; 1 },
	'connections: there is an end');
cmp_ok(scalar(@more), '>', CONNECTIONS / 2, 'connections: but all are used');
ok($t->log() =~ /worker_connections are not enough/,
	'connections: nginx says so');
is($flow->read(50), 50, 'connections: streams go on');
is_deeply([$flow->lost()], [], 'connections: none was closed');
is(scalar(grep { !$_->next_record(TIME) } @more), 0,
	'connections: and those of the last ones');

$_->disconnect() for splice @more;
is($flow->back(1), 1, 'connections: a client comes back');

# all is as it was

is($flow->finish(stop_bulk()), CLIENTS, 'every record, once, in order');
is(status()->{gaps} + status()->{lapped}, 0, 'no gaps');
ok(wait_for(TIME, sub { descriptors($worker) == $descriptors }),
	'descriptors of the worker') or diag(descriptors($worker));

###############################################################################

sub start_bulk {
	$bulk = $b->bulk_start($topic, run => 'none', rate => 200, size => 100,
		first => $sent, seconds => 120);
}

# returns: how many records there were in all
sub stop_bulk {
	$sent = $bulk->stop()->{next}[0];

	return $sent;
}

# a new helper with so many descriptors
sub lacks {
	my ($spare) = @_;
	my $old = $helper;

	limit($master, $limit);
	limit($master, lowest_free($master) + $spare);
	kill 'KILL', $old;

	return wait_for(TIME, sub {
		$helper = status()->{helper_pid};

		return $helper != $old
			&& $t->log() =~ /\[\w+\] $helper#.*kafka ws cluster/;
	});
}

# the limit of descriptors of a running process, which its own user may change
# returns: that before
sub limit {
	my ($pid, $limit) = @_;
	my $status = KafkaWS::Nginx::read_file("/proc/$pid/status");
	my ($uid, $gid) = map { $status =~ /^${_}id:\s+(\d+)/m } qw(U G);
	my $command = ($uid == $> ? '' : "setpriv --reuid=$uid --regid=$gid"
		. ' --keep-groups ') . "prlimit --pid $pid --nofile";
	my ($now) = `$command --raw --noheadings -o SOFT` =~ /(\d+)/
		or die "prlimit fails\n";

	die "prlimit fails\n" if defined $limit && system "$command=$limit:";

	return $now;
}

# a limit of so many leaves none
sub lowest_free {
	my ($pid) = @_;
	my $fd = 0;

	$fd++ while -l "/proc/$pid/fd/$fd";

	return $fd;
}

sub descriptors {
	my ($pid) = @_;

	return scalar(my @fds = glob "/proc/$pid/fd/*");
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
