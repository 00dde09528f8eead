#!/usr/bin/perl

# kafka_ws_max_frame: what is too long is refused at its header.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

use constant { TIME => 5, CONT => 0, TEXT => 1, BINARY => 2, PING => 9 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('max'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(17);

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
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /small {
            kafka_ws            c;
            kafka_ws_max_frame  200;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# the limit and one more; only headers are sent of what is too long

for my $case (['/', 4096], ['/small', 200]) {
	my ($uri, $limit) = @$case;
	my $c = started($uri);

	$c->send_frame(BINARY, 'x' x $limit);
	is(($c->wait_close(TIME))[0], 1003, "$uri: $limit bytes");

	$c = started($uri);
	$c->raw_write(header(BINARY, $limit + 1));
	is(($c->wait_close(TIME))[0], 1009, "$uri: header of one more");
	is($c->wait_eof(TIME), 'fin', "$uri: end");
}

# lengths that overflow where they are added

for my $length (65536, 1 << 32, (1 << 32) + 1, ~0 >> 1) {
	my $c = started('/');

	$c->raw_write(header(TEXT, $length));
	is(($c->wait_close(TIME))[0], 1009, "header of $length bytes");
}

# a message is as long as its fragments are

my $c = started('/small');

$c->send_frame(BINARY, 'x' x 100, fin => 0);
$c->send_frame(CONT, 'x' x 100, fin => 0);
$c->ping('not yet');
is($c->wait_pong(TIME), 'not yet', 'fragments up to the limit');
$c->raw_write(header(CONT, 1));
is(($c->wait_close(TIME))[0], 1009, 'header of a fragment beyond it');

# it is refused before its text is looked at

$c = started('/small');
$c->raw_write(header(TEXT, 201) . "\xff");
is_deeply([$c->wait_close(TIME)], [1009, 'message too long'],
	'length before UTF-8');

# and before all of it has come

$c = started('/');
$c->raw_write(header(BINARY, 1 << 20));
is(($c->wait_close(TIME))[0], 1009, 'big message');
$c->raw_write('x' x (1 << 20));
is($c->wait_eof(TIME), 'fin', 'the rest of it is ignored');

# pings have their own limit

$c = started('/small');
$c->ping('x' x 125);
is($c->wait_pong(TIME), 'x' x 125, 'longest ping');

ok(wait_for(TIME, sub {
	$t->status()->{clusters}[0]{closes}{1009} == 9
}), 'closes are counted');

###############################################################################

sub started {
	my ($uri) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri);

	$c->wait_event('start', 10);

	return $c;
}

sub header {
	my ($opcode, $length) = @_;

	return pack('C', 0x80 | $opcode)
		. ($length < 126 ? pack('C', 0x80 | $length)
			: $length < 65536 ? pack('C n', 0xfe, $length)
			: pack('C Q>', 0xff, $length)) . 'mask';
}

###############################################################################
