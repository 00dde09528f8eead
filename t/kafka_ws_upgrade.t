#!/usr/bin/perl

# nginx replaces its own binary (USR2) in flow: two masters, each with a zone
# and a consumer, until one of them leaves; forth, back and forth again.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Daemon;
use KafkaWS::Flow;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Waited;

use constant { TIME => 10, CLIENTS => 4, PARTITIONS => 2 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('upgrade'), partitions => PARTITIONS);

my $t = KafkaWS::Daemon->new(broker => $b)->plan(43
	+ KafkaWS::Neighbour::CHECKS);

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
my $bulk = $b->bulk_start($topic, run => 'upgrade', rate => 100, size => 100,
	partitions => PARTITIONS, seconds => 120);

is($flow->read(20), 20, 'flow');

my $descriptors = descriptors($t);
my $records = status_of($t)->{records};

# two masters

my $near = KafkaWS::Neighbour->start($t);

$near->quiet();

my $new = upgrade('upgrade');

is($new->master_pid, $t->pid_in('nginx.pid'), 'the other has the pid file');
is(descriptors($new), $descriptors, 'none of our descriptors is inherited');

is($flow->read(20), 20, 'streams of the old one go on');
is_deeply([$flow->lost()], [], 'none was closed');

# clients may come to either; some to the other

my $resumed = 1;

ok(wait_for(TIME, sub {
	$resumed &&= $flow->back(0);

	return scalar grep { $_ }
		$new->connections([$new->worker_pids()]);
}), 'a client comes to the other');

ok($resumed, 'it resumes at its cursor');
is($flow->read(20), 20, 'both stream');
cmp_ok(status_of($t)->{records}, '>', $records, 'the old consumer consumes');

# WINCH: the old one's workers and helper leave, its master stays

leaves($t, 'WINCH', CLIENTS - 1, 'WINCH', 1 .. CLIENTS - 1);
ok($t->{master}->alive, 'WINCH: the old master stays');
is($flow->read(20), 20, 'WINCH: all stream from the other');
is(status_of($new)->{connections}, CLIENTS, 'WINCH: all are there');
quiet();

# back: the old master starts workers again, the other one leaves; what came
# in between was never in the old one's rings

my $epoch = status_of($new)->{epoch};

$t->signal('HUP');
ok(wait_for(TIME, sub { $t->worker_pids() == 2 && $t->helper_pid() }),
	'roll-back: the old master starts workers and a helper');
ok(wait_for(TIME, sub { status_of($t)->{epoch} == 2 }),
	'roll-back: it goes on in the zone it had');

leaves($new, 'QUIT', CLIENTS, 'roll-back');
ok($new->{master}->wait(TIME), 'roll-back: the other master is gone');
ok(wait_for(TIME, sub { ($t->pid_in('nginx.pid') // 0) == $t->master_pid }),
	'roll-back: the old one has the pid file');
is($flow->read(20), 20, 'roll-back: all stream from the old one');
is(status_of($t)->{connections}, CLIENTS, 'roll-back: all are there');
is(status_of($t)->{gaps}, 0, 'roll-back: no gaps');
quiet();

# and for good

$new = upgrade('upgrade again');
leaves($t, 'QUIT', CLIENTS, 'upgrade again');
ok($t->{master}->wait(TIME), 'upgrade again: the old master is gone');
$t->follow($new);
is($flow->read(20), 20, 'upgrade again: all stream');

# a reload of the one that is left is a reload as any

$t->reload();
is_deeply($flow->closes(), { 1012 => CLIENTS }, 'reload: closes');
is($flow->back(), CLIENTS, 'reload: all resume');
$near->finish();

is($flow->finish($bulk->stop()->{acked}), CLIENTS,
	'every record, once, in order');
is(status_of($t)->{gaps} + status_of($t)->{lapped}, 0, 'no gaps');

ok($t->stop('QUIT'), 'stop');
is_deeply($flow->closes(), { 1001 => CLIENTS }, 'stop: closes');

###############################################################################

# what comes meanwhile is no part of what is timed next
sub quiet {
	$near->quiet();
	$flow->read(1e9, 0.2);
}

sub upgrade {
	my ($name) = @_;
	my $other = $t->upgrade();

	isnt($other->helper_pid(), $t->helper_pid(), "$name: another helper");
	is(status_of($other)->{epoch}, 1, "$name: it writes a zone of its own");

	return $other;
}

# One master's workers and helper have to leave; their clients come back.
sub leaves {
	my ($nginx, $signal, $count, $name, @clients) = @_;
	my @pids = $nginx->pids(qr/^nginx: (?!master)/);
	my $queued = KafkaWS::Waited->new($$,
		map { $_->pids(qr/^nginx: (?!master)/) } $t, $new);
	my $since = now();

	$nginx->signal($signal);

	is_deeply($flow->closes(@clients), { 1001 => $count },
		"$name: closes with the cursor");
	$queued->seconds();
	is($flow->back(@clients), $count, "$name: all resume");
	ok(wait_for(TIME, sub { $queued->seconds();
		!grep { alive($_) } @pids }), "$name: processes gone");

	my $time = now() - $since;

	note(sprintf '%s: %.2f s, %.2f of them off a processor', $name, $time,
		$queued->seconds());
	cmp_ok($time - $queued->seconds(), '<', within(2), "$name: time");
}

sub alive { return KafkaWS::Daemon::Master->new($_[0])->alive }

# The workers of both masters accept: asks until one of this master answers.
sub status_of {
	my ($nginx) = @_;
	my %mine = map { $_ => 1 } $nginx->worker_pids();
	my $s;

	wait_for(TIME, sub {
		$s = $nginx->status();

		return $mine{ $s->{pid} } && $s->{clusters}[0]{helper_pid};
	}) or die "no status\n";

	return $s->{clusters}[0];
}

# the lock file and the eventfds of a master
sub descriptors {
	my ($nginx) = @_;

	return scalar grep { /memfd:ngx_kafka_ws|eventfd/ }
		map { readlink($_) // '' }
		glob '/proc/' . $nginx->master_pid . '/fd/*';
}

###############################################################################
