#!/usr/bin/perl

# permessage-deflate on streams (RFC 7692): what is agreed on, that records
# come compressed and are the same, and what a client sends compressed.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::WebSocket;

use constant {
	TIME => 10,
	CONT => 0, TEXT => 1, BINARY => 2, PING => 9,
	RSV1 => 4,
};

my $agreed = 'permessage-deflate; server_no_context_takeover; '
	. 'client_no_context_takeover';

my @offers = (
	# location, offer, answer
	['/on', undef, undef],
	['/on', 'permessage-deflate', $agreed],
	['/on', 'permessage-deflate; client_max_window_bits', $agreed],
	['/on', 'permessage-deflate; client_max_window_bits=8', $agreed],
	['/on', 'permessage-deflate; server_max_window_bits=15',
		"$agreed; server_max_window_bits=15"],
	['/on', 'permessage-deflate; server_max_window_bits=14', undef],
	['/on', 'permessage-deflate; server_max_window_bits=10, '
		. 'permessage-deflate', $agreed],
	['/on', 'x-foo, permessage-deflate; server_no_context_takeover',
		$agreed],
	['/on', 'permessage-deflate; foo', undef],
	['/on', 'permessage-bzip2', undef],
	['/off', 'permessage-deflate', undef],
	['/text', 'permessage-deflate', $agreed],
);

# a compressed message, and the code of the Close it is answered with

my $bomb = KafkaWS::WebSocket::deflate("\0" x 4_000_000);

my @messages = (
	['text', 1003, [TEXT, z('hello')]],
	['binary', 1003, [BINARY, z("\xff")]],
	['empty', 1003, [TEXT, "\0"]],
	['fragments', 1003, [TEXT, substr(z('hello'), 0, 2), fin => 0],
		[CONT, substr(z('hello'), 2)]],
	['plain', 1003, [TEXT, 'hello', rsv => 0]],
	['not UTF-8 inside', 1007, [TEXT, z("\xff")]],
	['UTF-8 cut off inside', 1007, [TEXT, z("a\xe2\x82")]],
	['not deflated', 1007, [TEXT, "\xff\xff\xff"]],
	['cut off', 1007, [BINARY, substr(z('hello' x 100), 0, 5)]],
	['a bomb', 1009, [BINARY, substr($bomb, 0, 4000)]],
	['a bomb, too long as it is', 1009, [BINARY, $bomb x 2]],
	['within the limit', 1003, [BINARY, z("\0" x 4096)]],
	['beyond the limit', 1009, [BINARY, z("\0" x 4097)]],
	['compressed ping', 1002, [PING, z('hello')]],
	['compressed continuation', 1002, [TEXT, 'a', rsv => 0, fin => 0],
		[CONT, z('b')]],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('deflate'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(
	@offers + 2 * @messages + 22);

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
        zone      c 48m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_deflate  on;

        location /on {
            kafka_ws        c;
            kafka_ws_start  \$arg_from;
        }

        location /off {
            kafka_ws          c;
            kafka_ws_deflate  off;
        }

        location /text {
            kafka_ws          c;
            kafka_ws_format   text binary;
            kafka_ws_deflate  on 9 min=1000;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

for my $case (@offers) {
	my ($uri, $offer, $answer) = @$case;
	my $c = started($uri, extensions => $offer);

	is($c->extension(), $answer, "$uri: " . ($offer // 'nothing offered'));
}

# what a client sends

for my $case (@messages) {
	my ($name, $code, @frames) = @$case;
	my $c = started('/on', extensions => 'permessage-deflate');

	$c->send_frame($_->[0], $_->[1], rsv => RSV1 * ($_->[0] != CONT
		|| @frames == 1 || $name =~ /continuation/), @$_[2 .. $#$_])
		for @frames;
	is(($c->wait_close(TIME))[0], $code, "message: $name");
	is($c->wait_eof(TIME), 'fin', "message: $name: end");
}

# records: the same, and compressed

my %value = (
	long  => 'a long value, ' x 100,
	short => 'x',
	utf8  => "\xe2\x82\xac" x 50_000,
	json  => '{"a":[' . join(',', map { $_ * 7 } 1 .. 500) . ']}',
);

my $plain = started('/on');
my $small = started('/on', extensions => 'permessage-deflate');
my $text = started('/text', extensions => 'permessage-deflate');

$b->produce($topic, map { { key => $_, value => $value{$_} } }
	sort keys %value);

for my $key (sort keys %value) {
	my ($one) = $plain->records(1, TIME);
	my ($two) = $small->records(1, TIME);

	ok(length $plain->last_payload() > 0
		&& !$plain->{last_frame}{compressed}, "$key: plain");
	is_deeply($two, $one, "$key: the same");

	my $message = $text->next_message(TIME);
	my $long = length $value{$key} >= 1000;

	is($message->{payload}, $value{$key}, "$key: text");
	is(defined $message->{compressed}, $long, "$key: text above min");

	next if $key eq 'short';

	cmp_ok($small->{last_frame}{compressed}, '<',
		length($value{$key}) / 2, "$key: compressed");
}

# what was published while nobody wanted it compressed comes plain

$_->disconnect() for $plain, $small, $text;
wait_for(TIME, sub { $t->status()->{clusters}[0]{connections} == 0 })
	or die "connections left\n";

$b->produce($topic, { key => 'k', value => $value{long} });
wait_for(TIME, sub { $t->status()->{clusters}[0]{topics}[0]{partitions}[0]{next}
	== 5 }) or die "not published\n";

my $c = KafkaWS::Client->open($t->port(0), '/on?from=tail=5',
	extensions => 'permessage-deflate');
my @got = map { my ($r) = $c->records(1, TIME);
	[ $r->{key}, $c->{last_frame}{compressed} ? 1 : 0 ] } 1 .. 5;

is($got[0][0] . $got[0][1], 'json1', 'catching up, compressed before');
is($got[4][0] . $got[4][1], 'k0', 'catching up, plain');
$b->produce($topic, { key => 'l', value => $value{long} });
($c->records(1, TIME))[0]{key} eq 'l' or die "another record\n";
ok($c->{last_frame}{compressed}, 'compressed again');

###############################################################################

sub z { return KafkaWS::WebSocket::deflate(@_) }

sub started {
	my ($uri, %o) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri,
		format => $uri eq '/text' ? 'text' : 'json', %o);

	# text has no events: it begins with the answer, before a ping is read

	if ($uri eq '/text') {
		$c->ping('');
		defined $c->wait_pong(TIME) or die "no pong\n";

	} else {
		$c->wait_event('start', TIME);
	}

	return $c;
}

###############################################################################
