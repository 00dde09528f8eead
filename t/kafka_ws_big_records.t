#!/usr/bin/perl

# Big records arrive whole, those beyond max_record are announced.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Digest::SHA qw(sha1_hex);
use MIME::Base64 qw(decode_base64);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('big'), partitions => 2,
	config => { 'max.message.bytes' => 8 * 1024 * 1024 });

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
        topics    $topic;
        zone      c 64m;
        ring      8m;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_cluster small {
        brokers     %%BROKERS%%;
        topics      $topic;
        zone        small 16m;
        ring        64k;
        max_record  1000;
        property    fetch.wait.max.ms 5;
    }

    kafka_ws_format  json text binary;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /small {
            kafka_ws         small;
            kafka_ws_fields  offset partition key value headers;
        }

        location /close {
            kafka_ws         small;
            kafka_ws_gap     close;
            kafka_ws_fields  offset partition key value headers;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $text = KafkaWS::Client->open($t->port(0), '/',
	subprotocol => 'kafka.text.v1');
my $c = KafkaWS::Client->open($t->port(0), '/');

$c->wait_event('start', 10) or die "no start event\n";

# 900 KB, in all forms

my $big = join '', map { sprintf "%07d ", $_ } 1 .. 900 * 128;
my $json = '{"a":"' . $big . '"}';

for my $case (['text', $big], ['JSON', $json], ['bytes', "\xff" . $big]) {
	my ($name, $value) = @$case;

	$b->produce($topic, $value);

	my $r = $c->next_record(20);
	my $got = $name eq 'JSON' ? '{"a":"' . ($r->{value}{a} // '') . '"}'
		: $name eq 'bytes' ? decode_base64($r->{value} // '')
		: $r->{value};

	is(sha1_hex($got), sha1_hex($value), "900 KB of $name, json");
	is(sha1_hex(($text->next_message(20) // {})->{payload} // ''),
		sha1_hex($value), "900 KB of $name, text");
}

# what no form of it may take is a quarter of the ring: such a record is a gap
# to all, so that an offset means the same in each format

my $high = $b->produce($topic, "\x01" x 900_000);

is_deeply($c->wait_event('gap', 20), gap($high, $high),
	'900 KB that need escapes: gap event');
is(($text->wait_close(20))[0], 4410, '900 KB that need escapes, text');

wait_for(10, sub { partition_of('small')->{next} == $high + 1 })
	or die "the other cluster does not come\n";

# max_record counts key, value and headers

my ($small, $small_text, $closed) = map {
	my ($uri, $format) = @$_;

	KafkaWS::Client->open($t->port(0), $uri,
		subprotocol => "kafka.$format.v1");
} ['/small', 'json'], ['/small', 'text'], ['/close', 'json'];

is($small->wait_event('start', 10)->{partitions}[0]{offset}, $high + 1,
	'start behind it');

# the one worker takes them in turn, so the text one has begun, too
$closed->wait_event('start', 10) or die "no start event\n";

my $at = $b->produce($topic, { key => 'k' x 10, value => 'v' x 980,
	headers => [['name', 'vvvvvv']] });
my $fits = $small->next_record(10);

is($fits->{offset}, $at, 'exactly max_record');
is($small_text->next_message(10)->{payload}, 'v' x 980,
	'exactly max_record, text');
is($closed->next_record(10)->{offset}, $at,
	'exactly max_record, kafka_ws_gap close');

$b->produce($topic, { value => 'before' }, { key => 'k' x 10,
	value => 'v' x 980, headers => [['name', 'vvvvvvv']] },
	{ value => 'between' }, { value => 'v' x 1001 },
	{ value => 'v' x 2_000_000 }, { value => 'behind' },
	{ partition => 1, value => 'beside' });

my (%got, @seen);

for (1 .. 7) {
	my $m = $small->next_json(20) or last;

	if ($m->{partition} == 1) {
		push @seen, $m->{value};

	} elsif ($m->{event}) {
		push @{ $got{gaps} }, $m;

	} else {
		push @{ $got{records} }, $m->{value};
	}
}

is_deeply($got{records}, ['before', 'between', 'behind'],
	'neighbors of what is too large');
is_deeply($got{gaps}, [map { gap($at + $_, $at + $_) } 2, 4, 5],
	'gap of each that is too large');
is_deeply(\@seen, ['beside'], 'the other partition');
is($small->cursor, '0:' . ($at + 7) . ',1:1', 'cursor behind them');

is($small_text->next_message(10)->{payload}, 'before', 'text: record before');
is(($small_text->wait_close(10))[0], 4410, 'text: closed at the gap');
is($closed->next_record(10)->{value}, 'before',
	'kafka_ws_gap close: record before');
is(($closed->wait_close(10))[0], 4410, 'kafka_ws_gap close: closed');

# a gap in the ring is told again to those who resume before it

my $again = KafkaWS::Client->open($t->port(0), '/small?cursor=0:'
	. ($at + 2) . ',1:1');

is($again->wait_event('start', 10)->{partitions}[0]{state}, 'resumed',
	'resume at the gap: state');
is_deeply($again->wait_event('gap', 10), gap($at + 2, $at + 2),
	'resume at the gap: event');

# partition 1 may come before or behind it

my ($behind) = grep { $_->{partition} == 0 } $again->records(2, 10);
is($behind->{value}, 'between', 'and the record behind it');

is(partition_of('small')->{too_large}, 4 + 3, 'status: too large');
wait_for(10, sub { partition_of('c')->{next} == $at + 7 })
	or die "the other cluster does not come\n";
is(partition_of('c')->{too_large}, 2, 'status of the other cluster');

###############################################################################

# the status of partition 0
sub partition_of {
	my ($cluster) = @_;
	my ($found) = grep { $_->{name} eq $cluster }
		@{ $t->status()->{clusters} };

	return $found->{topics}[0]{partitions}[0];
}

sub gap {
	my ($from, $to) = @_;

	return { event => 'gap', partition => 0, from => $from, to => $to,
		reason => 'too-large' };
}

###############################################################################
