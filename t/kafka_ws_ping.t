#!/usr/bin/perl

# Pings: sent after silence, to be answered by whatever the client sends; a
# client's own pings; idle events.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);

use constant {
	PING => 0.4,		# seconds, as in the configuration
	LONG => 3,		# and where a machine may stand still
	LATE => 5,
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('ping'));
my $busy = $b->create_topic($b->topic('busy'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(26);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic $busy;
        zone      c 32m;
        property  fetch.wait.max.ms 5;
    }

    # who answers here may be off the processor when the ping comes
    kafka_ws_ping  400ms timeout=1m;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws        c;
            kafka_ws_topic  $topic;
        }

        location /short {
            kafka_ws        c;
            kafka_ws_topic  $topic;
            kafka_ws_ping   400ms timeout=400ms;
        }

        location /busy {
            kafka_ws        c;
            kafka_ws_topic  $busy;
        }

        location /busy/short {
            kafka_ws        c;
            kafka_ws_topic  $busy;
            kafka_ws_ping   400ms timeout=400ms;
        }

        location /busy/long {
            kafka_ws        c;
            kafka_ws_topic  $busy;
            kafka_ws_ping   3s timeout=1m;
        }

        location /text {
            kafka_ws         c;
            kafka_ws_topic   $topic;
            kafka_ws_format  text;
        }

        location /calm {
            kafka_ws        c;
            kafka_ws_topic  $topic;
            kafka_ws_ping   1h;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# until the topics are known nobody is let in, which is no silence

my $since;

started($_) for '/', '/busy';

# after silence, again and again

my $c = started('/');

is($c->wait_pings(1, LATE), 1, 'ping after silence');
between(now() - $since, PING, 'time of the first ping');
is($c->wait_pings(4, 4 * LATE), 4, 'more pings, all answered');
ok(!$c->{close}, 'answered pings keep the stream');

# unanswered

$c = started('/short', auto_pong => 0);

is_deeply([$c->wait_close(LATE)], [1011, 'ping timeout'],
	'unanswered ping');
between(now() - $since, 2 * PING, 'time of the close');
is($c->{pings}, 1, 'one ping before the close');
is($c->wait_eof(LATE), 'fin', 'end after the close');

# whatever comes is an answer: without one no other ping is sent

for my $answer (['pong', 'not the bytes'], ['ping', 'x']) {
	my ($method, $bytes) = @$answer;

	$c = started('/', auto_pong => 0);
	$c->wait_pings(1, LATE);
	$c->$method($bytes);

	is($c->wait_pings(2, LATE), 2, "$method of other bytes is an answer");
}

# half a frame is something received, too

$c = started('/', auto_pong => 0);
$c->wait_pings(1, LATE);
$c->raw_write("\x89");
is($c->wait_pings(2, LATE), 2, 'one byte is an answer');

# who talks is not asked; who was kept from it may be

$c = started('/');

my ($last, $pauses) = ($since, 0);

for (1 .. 12) {
	my $began = $last;

	$last = now();
	$c->ping('k');
	$pauses++ if now() - $began > PING - 0.05;
	$c->wait_pong(LATE) // last;
	sleep PING / 4;
}

cmp_ok(now() - $since, '>', 2 * PING, 'a client that talks for long');
cmp_ok($c->{pings}, '<=', $pauses, 'is not pinged');

# a busy stream, which says nothing of the client

my $bulk = $b->bulk_start($busy, rate => 50, seconds => 60);

$c = started('/busy/short', auto_pong => 0);

is_deeply([$c->wait_close(LATE)], [1011, 'ping timeout'],
	'unanswered ping on a busy stream');
between(now() - $since, 2 * PING, 'time of the close on a busy stream');

$c = started('/busy');
is($c->wait_pings(3, LATE), 3, 'pings on a busy stream');
ok(scalar($c->records(10, LATE)), 'records between the pings');

# a stream that stands still for 400 ms has idle events, and rightly so

$c = started('/busy/long');
$c->wait_pings(1, LONG + LATE);
is_deeply([grep { $_->{event} eq 'idle' } $c->events()], [],
	'no idle event on a busy stream');
$bulk->stop();

# the client's pings

$c = started('/calm');

for my $bytes ('', 'a', join('', map { chr } 0 .. 124)) {
	$c->ping($bytes);
	is($c->wait_pong(LATE), $bytes, 'pong of ' . length($bytes)
		. ' bytes');
}

$c->raw_write(join '', map { $c->can('frame')->(9, $_) } 'a' .. 'z');
$c->until(now() + LATE, sub { ($c->{pongs}[-1] // '') eq 'z' });
is($c->{pongs}[-1], 'z', 'the newest of many pings is answered');

# idle events

$c = started('/');

my ($idle, $early) = (0, 0);

# one that is read late is no reason for the next one to be late, too
for my $n (1 .. 5) {
	$c->wait_event('idle', LATE) or last;
	$idle++;
	$early++ if now() - $since < 0.9 * PING * $n;
}

is($idle, 5, 'idle events');
is($early, 0, 'idle events no more often than the ping');

# text has no events: a message would die here as none was produced
$c = started('/text');
$c->wait_pings(4, 4 * LATE);
is(scalar @{ $c->{inbox} }, 0, 'no idle event in text');

ok(wait_for(LATE, sub {
	$t->status()->{clusters}[0]{closes}{1011} >= 2
}), 'closes are counted');

###############################################################################

sub started {
	my ($uri, @more) = @_;

	$since = now();

	my $c = KafkaWS::Client->open($t->port(0), $uri, @more);

	$c->wait_event('start', 10) unless $uri eq '/text';

	return $c;
}

# not before its time, which begins at some moment after $since, and not for
# ever; 50 ms: nginx's clock stands still within a pass
sub between {
	my ($seconds, $least, $name) = @_;

	ok($seconds > $least - 0.05 && $seconds < $least + within(LATE), $name)
		or diag("after $seconds s, expected $least s");
}

###############################################################################
