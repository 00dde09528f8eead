#!/usr/bin/perl

# Limits of kafka_ws_commands: streams of a connection, commands in a second,
# the size of a command; what is no text; commands that come in pieces or
# compressed.

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
use KafkaWS::Nginx;
use KafkaWS::WebSocket;

use constant {
	TEXT => KafkaWS::WebSocket::TEXT, BINARY => KafkaWS::WebSocket::BINARY,
	RATE => 20, MAX => 4096,
	AMISS => '{"command":"pause","id":1,"topic":"t"}',
};

my $b = KafkaWS::Broker->new();
my @topics = map { $b->create_topic($b->topic("limits$_")) } 0 .. 3;

my $t = KafkaWS::Nginx->new(broker => $b)->plan(25);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    @topics;
        zone      c 16m;
        ring      64k;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_topic    $topics[0];
        kafka_ws_deflate  on;

        location = / {
            kafka_ws           c;
            kafka_ws_commands  on streams=3;
        }

        location = /rate {
            kafka_ws           c;
            kafka_ws_commands  on rate=${\RATE};
        }

        location = /short {
            kafka_ws            c;
            kafka_ws_commands   on;
            kafka_ws_max_frame  125;
        }
    }
}

EOT

###############################################################################

# streams

my $c = open_at('/');

is($c->ask(command => 'subscribe', topic => $topics[$_])->{event},
	'subscribed', 'stream ' . ($_ + 1)) for 1, 2;

my %third = (command => 'subscribe', topic => $topics[3]);

is($c->ask(%third)->{code}, 4429, 'one too many');
is($c->ask(command => 'unsubscribe', topic => $topics[0])->{event},
	'unsubscribed', 'one less');
is($c->ask(%third)->{event}, 'subscribed', 'and another');
is($c->ask(command => 'subscribe', topic => $topics[0])->{code}, 4429,
	'not one more');

# rate: what a second has, at once

$c = open_at('/rate');
$c->send_text(AMISS) for 1 .. RATE;
is(scalar(grep { $_->{code} == 4409 } map { $c->wait_event('error', 10) }
	1 .. RATE), RATE, 'as many as a second has');

sleep 1.2;
$c->send_text(AMISS) for 1 .. RATE;
is(scalar(grep { $_ } map { $c->wait_event('error', 10) } 1 .. RATE), RATE,
	'and again, a second later');

my $other = open_at('/rate');

$c->raw_write(join '', map { KafkaWS::WebSocket::frame(TEXT, AMISS) }
	1 .. RATE + 5);
is_deeply([$c->wait_close(10)], [1008, 'too many commands'], 'too many');
cmp_ok(scalar(grep { ($_->{code} // 0) == 4409 } $c->events()), '<=', RATE,
	'of which no more are answered');

$other->send_text(AMISS);
is($other->wait_event('error', 10)->{code}, 4409, 'others have their own');

# malformed ones count

$other->raw_write(join '', map { KafkaWS::WebSocket::frame(TEXT, '') }
	0 .. RATE);
is(($other->wait_close(10))[0], 1008, 'malformed ones count, too');

# size

$c = open_at('/');
$c->send_text(AMISS . ' ' x (MAX - length AMISS));
is($c->wait_event('error', 10)->{code}, 4409, 'a command as long as may be');
$c->send_text(AMISS . ' ' x (MAX + 1 - length AMISS));
is(($c->wait_close(10))[0], 1009, 'one that is longer');

$c = open_at('/short');
$c->send_text(AMISS . ' ' x 100);
is(($c->wait_close(10))[0], 1009, 'kafka_ws_max_frame');

# what is no text

$c = open_at('/');
$c->send_frame(BINARY, AMISS);
is_deeply([$c->wait_close(10)], [1003, 'commands are text'], 'binary');

$c = open_at('/');
$c->send_frame(TEXT, "{\"command\":\"\xff");
is(($c->wait_close(10))[0], 1007, 'not UTF-8');

# in pieces, with a ping between them

$c = open_at('/');

my @piece = AMISS =~ /(.{1,7})/g;

for my $i (0 .. $#piece) {
	$c->send_frame($i ? 0 : TEXT, $piece[$i], fin => $i == $#piece);
	$c->ping('between') if $i == 2;
}

is($c->wait_pong(10), 'between', 'a ping between pieces');
is($c->wait_event('error', 10)->{code}, 4409, 'in pieces');

# compressed

$c = open_at('/', extensions => 'permessage-deflate');

for my $text (AMISS, AMISS . ' ' x 3000) {
	my $packed = KafkaWS::WebSocket::deflate($text);

	$c->send_frame(TEXT, $packed, rsv => 4);
	is($c->wait_event('error', 10)->{code}, 4409, 'compressed');

	$c->send_frame(TEXT, substr($packed, 0, 5), rsv => 4, fin => 0);
	$c->send_frame(0, substr($packed, 5));
	is($c->wait_event('error', 10)->{code}, 4409,
		'compressed, in pieces');
}

$c->send_frame(TEXT, KafkaWS::WebSocket::deflate(AMISS . ' ' x 100_000),
	rsv => 4);
is(($c->wait_close(10))[0], 1009, 'too long once it is inflated');

# pings are paced as on any stream, commands are not

$c = open_at('/');
$c->ask(command => 'pause') for 1 .. 50;
is($c->ask(command => 'resume')->{event}, 'resumed', 'one by one');

###############################################################################

sub open_at {
	my ($uri, %o) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri, commands => 1, %o);

	$c->wait_event('start', 10);

	return $c;
}

###############################################################################
