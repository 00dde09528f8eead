#!/usr/bin/perl

# Clients that send as fast as they can: they are read a little at a time, so
# that TCP holds them back and the worker is there for others, and who was
# quiet for a second is a client as any.

# brokers: kafka mock
# run: alone

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Errno qw(EAGAIN);
use Socket qw(SOL_SOCKET SO_SNDBUF);
use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load qw(cpu_ns);
use KafkaWS::Nginx qw(now);
use KafkaWS::Pace qw(within unmeasured);
use KafkaWS::Process qw(tool);
use KafkaWS::WebSocket;

use constant {
	TIME => 10,
	SECONDS => 2,
	TRIES => 5,

	# Bytes: what sockets hold, 16 reads of 16k, and 4k each 50 ms.
	# Without pauses some 100 MB would be taken.
	HELD => 8 * 1024 * 1024,

	SHARE => 0.3,			# of a processor, for all attackers
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('pace'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(10);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  1;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
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

my ($worker) = $t->worker_pids();
my $other = client();

###############################################################################

# one of them

my $c = client();
my $ping = KafkaWS::WebSocket::frame(9, '');

setsockopt $c->socket, SOL_SOCKET, SO_SNDBUF, 32 * 1024
	or die "setsockopt: $!\n";

my ($taken, $rest) = blast($c, $ping x 4096);

cmp_ok($taken, '<', HELD, 'TCP holds it back');
cmp_ok($taken, '>', 16 * 16384, 'but it is read');
ok(!$c->{close}, 'it is no fault');

$c->{sock}->blocking(1);
$c->raw_write($rest);
$c->ping('last');
is(pong($c, 'last'), 'last', 'all is read in the end, and answered');

# another has its turn meanwhile

ok($other->ping('meanwhile') && pong($other, 'meanwhile'), 'another client');

# a pace is there each time, what the machine is late by is not

my $took;

for (1 .. TRIES) {
	sleep 1.1;

	my $from = now();

	for my $n (1 .. 10) {
		$c->ping("$n");
		pong($c, "$n");
	}

	$took = now() - $from;
	last if $took < 0.2;
}

SKIP: {
	unmeasured(1);
	cmp_ok($took, '<', 0.2, 'after a second it is paced no more');
}

$c->close(1000);
is(($c->wait_close(TIME))[0], 1000, 'and closes as any');

# many of them

my $p = KafkaWS::Process->start(pipe => 1, death => 'TERM',
	log => $t->testdir . '/ws_flood.log', command => [tool('ws_flood'),
		'--port=' . $t->port(0), qw(--uri=/ --mode=pings --burst=64),
		'--connections=50', '--ms=' . within(3) * 1000]);

sleep 1;

my ($since, $cpu) = (now(), cpu_ns($worker));

sleep 1.5;

my $share = (cpu_ns($worker) - $cpu) / 1e9 / (now() - $since);

SKIP: {
	unmeasured(1);
	cmp_ok($share, '<', SHARE, 'share of a processor');
}

$other->ping('still');
is(pong($other, 'still'), 'still', 'another client');

my $line = $p->line(within(30)) // '';

like($line, qr/"alive":50,.*"failed":0/, 'all of them stay')
	or diag($t->read_testfile('ws_flood.log'));

###############################################################################

sub client {
	my $c = KafkaWS::Client->open($t->port(0), '/');

	$c->wait_event('start', TIME);

	return $c;
}

# Writes pings for a while, and reads nothing.
# returns: bytes taken, and what is left of the last write
sub blast {
	my ($c, $data) = @_;
	my $until = now() + SECONDS;
	my ($taken, $at) = (0, 0);

	$c->{sock}->blocking(0);

	while (now() < $until) {
		my $n = syswrite $c->{sock}, $data, length($data) - $at, $at;

		if (!defined $n) {
			die "write: $!\n" unless $! == EAGAIN;
			sleep 0.001;
			next;
		}

		$taken += $n;
		$at = ($at + $n) % length $data;
	}

	return ($taken, substr $data, $at);
}

# reads pongs up to that one
sub pong {
	my ($c, $text) = @_;

	while (defined(my $pong = $c->wait_pong(within(TIME)))) {
		return $pong if $pong eq $text;
	}

	return 'none';
}

###############################################################################
