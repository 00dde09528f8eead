#!/usr/bin/perl

# Formats, and how a client chooses one by its subprotocol.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

###############################################################################

my ($json, $text, $binary) = map { "kafka.$_.v1" } qw(json text binary);

my @choices = (
	# location, offer, agreed, format of the stream
	['/json', undef, undef, 'json'],
	['/json', $json, $json, 'json'],
	['/json', $text, undef, 'json'],
	['/text', undef, undef, 'text'],
	['/text', $text, $text, 'text'],
	['/text', "$json, $binary", undef, 'text'],
	['/binary', undef, undef, 'binary'],
	['/all', undef, undef, 'json'],
	['/all', $json, $json, 'json'],
	['/all', $text, $text, 'text'],
	['/all', $binary, $binary, 'binary'],
	['/all', "$binary, $json", $binary, 'binary'],
	['/all', "chat, $text, $binary", $text, 'text'],
	['/all', 'chat', undef, 'json'],
	['/all', uc $text, undef, 'json'],
	['/two', undef, undef, 'text'],
	['/two', "$binary, $json", $json, 'json'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('formats'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(2 * @choices + 9);

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
        zone      c 32m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location /json {
            kafka_ws         c;
            kafka_ws_format  json;
        }

        location /text {
            kafka_ws         c;
            kafka_ws_format  text;
        }

        location /binary {
            kafka_ws         c;
            kafka_ws_format  binary;
        }

        location /all {
            kafka_ws         c;
            kafka_ws_format  json text binary;
        }

        location /two {
            kafka_ws         c;
            kafka_ws_format  text json;
        }
    }
}

EOT

###############################################################################

my @clients = map {
	my ($uri, $offer, undef, $format) = @$_;

	KafkaWS::Client->open($t->port(0), $uri, subprotocol => $offer,
		format => $format);
} @choices;

ready(@clients);

$b->produce($topic, "one \xc3\xa9t\xc3\xa9");

for my $i (0 .. $#choices) {
	my ($uri, $offer, $agreed, $format) = @{ $choices[$i] };
	my $name = "$uri, offer " . ($offer // 'none');

	is($clients[$i]->protocol, $agreed, "$name: subprotocol");
	is(received($clients[$i], $format), $format, "$name: format");
}

# what carries values only; each check ends with the record behind it

my $plain = KafkaWS::Client->open($t->port(0), '/text', format => 'text');
my $bytes = KafkaWS::Client->open($t->port(0), '/binary', format => 'binary');

ready($plain, $bytes);

my @values = ('text', '', "NUL \0 inside", "\xff\xfe", "cut \xc3",
	"surrogate \xed\xa0\x80", undef, '{"a":1}', 'last');

$b->produce($topic, map { { key => 'k', value => $_ } } @values);

my @sent = grep { defined } @values;
my @text = map { $plain->next_message(10) } @sent;
my @binary = map { $bytes->next_message(10) } @sent;

is_deeply([map { $_->{payload} } @text], \@sent,
	'text: the values, and no tombstone');
is_deeply([map { $_->{payload} } @binary], \@sent,
	'binary: the values, and no tombstone');
is(join(' ', map { $_->{opcode} } @text), '1 1 1 2 2 2 1 1',
	'text: what is not UTF-8 comes in binary frames');
is(join(' ', map { $_->{opcode} } @binary), '2 2 2 2 2 2 2 2',
	'binary: all frames are');

# malformed offers

for my $offer ("$json, $json", 'a b', 'a;b', ',') {
	my $r = KafkaWS::Client->connect($t->port(0), '/all',
		headers => ['Sec-WebSocket-Protocol', $offer]);

	is($r->status, 400, "offer \"$offer\" is refused");
}

# a tombstone is all there is: nothing comes, and the stream lives

$b->produce($topic, { key => 'k', value => undef });
$plain->ping('alive');
is($plain->wait_pong(10), 'alive', 'a tombstone alone');

###############################################################################

# The streams without events are ready when their json neighbours are: all
# are served by one worker, in the order of their connections.
sub ready {
	my $c = KafkaWS::Client->open($t->port(0), '/json');

	$c->wait_event('start', 10) or die "no start event\n";
	$_->ping('ready') && $_->wait_pong(10) for @_;
}

# the format by which the first record came
sub received {
	my ($c, $format) = @_;

	if ($format eq 'json') {
		my $r = $c->next_record(10) or return 'nothing';

		return $r->{value} eq "one \x{e9}t\x{e9}" ? 'json' : 'other';
	}

	my $m = $c->next_message(10) or return 'nothing';

	return 'other' unless $m->{payload} eq "one \xc3\xa9t\xc3\xa9";
	return $m->{opcode} == 1 ? 'text' : 'binary';
}

###############################################################################
