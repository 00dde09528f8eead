#!/usr/bin/perl

# Cursors that are refused with 400, and those that no log has come to.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

###############################################################################

my $max = '9223372036854775807';

my @bad = (
	# cursor, what the answer says
	['x', 'unexpected character at byte 0'],
	['0', 'colon missing at byte 1'],
	['0:', 'offset missing at byte 2'],
	[':5', 'partition missing at byte 0'],
	['0:5,', 'partition missing at byte 4'],
	[',0:5', 'partition missing at byte 0'],
	['0:5,,1:5', 'partition missing at byte 4'],
	['0:5 ', 'unexpected character at byte 3'],
	[' 0:5', 'unexpected character at byte 0'],
	['0:5;1:5', 'unexpected character at byte 3'],
	['0:5:6', 'unexpected character at byte 3'],
	['0=5', 'colon missing at byte 1'],
	['0:-1', 'unexpected character at byte 2'],
	['0:+1', 'unexpected character at byte 2'],
	['0:1.0', 'unexpected character at byte 3'],
	['0:1e3', 'unexpected character at byte 3'],
	['0:0x10', 'unexpected character at byte 3'],
	['-1:0', 'unexpected character at byte 0'],
	['0:latest', 'unexpected character at byte 2'],
	['00:5', 'partition with leading zero at byte 0'],
	['0:05', 'offset with leading zero at byte 2'],
	['0:9223372036854775808', 'offset above 9223372036854775807 '
		. 'at byte 2'],
	['0:99999999999999999999999', 'offset above 9223372036854775807 '
		. 'at byte 2'],
	['2147483648:0', 'partition above 2147483647 at byte 0'],
	['0:1,0:2', 'partition named twice at byte 4'],
	['1:1,0:2,1:1', 'partition named twice at byte 8'],
	['0:1,2:0', 'partition "2" is not streamed here'],
	['2147483647:0', 'partition "2147483647" is not streamed here'],
	['0%3', 'invalid percent-encoding at byte 1'],
	['%zz:1', 'invalid percent-encoding at byte 0'],
	['0%253A1', 'colon missing at byte 1'],
	['0:5%00', 'unexpected character at byte 3'],
	['0:5%0a', 'unexpected character at byte 3'],
	['%D9%A0:1', 'unexpected character at byte 0'],
	[join(',', map { "$_:1" } 0 .. 999),
		'partition "2" is not streamed here'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('cursor'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(2 * @bad + 14);

$t->write_file_expand('nginx.conf', <<"EOT");

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
        preload   records=100;
        property  fetch.wait.max.ms 5;
    }

    large_client_header_buffers  4 32k;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /one {
            kafka_ws            c;
            kafka_ws_partition  1;
        }

        location /tail {
            kafka_ws        c;
            kafka_ws_start  tail=2;
        }

        location /close {
            kafka_ws         c;
            kafka_ws_gap     close;
            kafka_ws_format  json text binary;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

$b->produce($topic, map { { partition => $_ % 2, value => $_ } } 0 .. 9);

$t->run();

KafkaWS::Client->open($t->port(0), '/')->wait_event('start', 10)
	or die "no start event\n";

for my $case (@bad) {
	my ($cursor, $text) = @$case;
	my $name = length $cursor > 40 ? 'long cursor' : "\"$cursor\"";
	my $r = KafkaWS::Client->connect($t->port(0),
		'/?cursor=' . $cursor =~ s/ /%20/gr);

	is($r->status, 400, "$name: status");
	like($r->body, qr/^cursor: \Q$text\E$/, "$name: text");
}

my $r = KafkaWS::Client->connect($t->port(0), '/one?cursor=0:1');

is($r->status, 400, 'partition of another location: status');
like($r->body, qr/^cursor: partition "0" is not streamed here$/,
	'partition of another location: text');

is($t->status()->{clusters}[0]{refusals}{cursor}, @bad + 1,
	'refusals are counted');

# ahead of all there is: the stream starts where a new client's would

for my $case (['/?cursor=0:6,1:5', '0:5:reset 1:5:resumed'],
	["/?cursor=0:$max,1:9007199254740993", '0:5:reset 1:5:reset'],
	["/tail?cursor=0:5,1:$max", '0:5:resumed 1:3:reset'],
	["/one?cursor=1:6", '1:5:reset'])
{
	my ($uri, $start) = @$case;
	my $c = KafkaWS::Client->open($t->port(0), $uri);

	is(entries($c->wait_event('start', 10)), $start, "$uri: start event");
}

for my $format (qw(json text binary)) {
	my $c = KafkaWS::Client->open($t->port(0), '/close?cursor=0:6,1:5',
		subprotocol => "kafka.$format.v1");

	is(join(' ', $c->wait_close(10)), '4410 position no longer held',
		"reset with kafka_ws_gap close, $format");
}

# another host was faster: what it has sent comes within a second, unless the
# machine stands still just then

my ($c, $start, $at);

for my $end (map { 5 + 3 * $_ } 0 .. 4) {
	$at = $end + 2;
	$c = KafkaWS::Client->connect($t->port(0), "/?cursor=0:$at,1:5");
	$b->produce($topic, map { { value => "late $_" } } $end .. $at);
	$start = entries($c->wait_event('start', 10));
	last if $start !~ /reset/;
}

is($start, "0:$at:resumed 1:5:resumed", 'a little ahead: start event');
is($c->next_record(10)->{value}, "late $at", 'a little ahead: record');

# and once the ring has come by, it is a cursor like any other

my $before = $at - 1;

$c = KafkaWS::Client->open($t->port(0), "/?cursor=0:$before,1:5");
is(join(' ', entries($c->wait_event('start', 10)),
	map { $_->{value} } $c->records(2, 10)),
	"0:$before:resumed 1:5:resumed late $before late $at",
	'not ahead any more');

# nobody else is held up by one who waits

my $ahead = KafkaWS::Client->connect($t->port(0), '/?cursor=0:999');
my $other = KafkaWS::Client->open($t->port(0), '/');

$other->wait_event('start', 10);
$b->produce($topic, 'meanwhile');
is($other->next_record(10)->{value}, 'meanwhile', 'others go on');

###############################################################################

# of a start event
sub entries {
	my ($start) = @_;

	return 'none' unless $start;
	return join ' ', map { "$_->{partition}:$_->{offset}:$_->{state}" }
		@{ $start->{partitions} };
}

###############################################################################
