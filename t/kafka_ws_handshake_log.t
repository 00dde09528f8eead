#!/usr/bin/perl

# What a refused client sends comes into the error log as one line of
# printable letters, at the level info, with the client's address.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;
use KafkaWS::Probe qw(request refused printable);

# what is done to terminals, logs and those who read them
my %hostile = (
	'red' => "\x1b[31m",
	'title' => "\x1b]0;owned\x07",
	'clear' => "\x1b[2J\x1b[H",
	'8-bit CSI' => "\x9b31m",
	'backspace' => "a\x08\x08b",
	'delete' => "\x7f",
	'tab' => "a\tb",
	'quotes' => '"\'`',
	'backslash' => 'a\\x1b\\n',
	'another client' => ', client: 10.0.0.1, server: x, request: "GET /"',
	'another level' => '[emerg] 1#1: stop',
	'overlong' => "\xc0\x8a",
	'RTL' => "\xe2\x80\xaeabc",
	'format' => '%s%n%V%ui',
	'long' => 'x' x 4000,
	'long, to be escaped' => "\x1b" x 1000,
	'long, escaped at the end' => 'x' x 123 . "\x1b" x 9,
	'bytes' => join('', map { chr } grep { !/^(?:10|13)$/ } 1 .. 255),
);

# those that a header cannot hold
my %lines = (
	'line' => "a\nb",
	'lines' => "a\x0d\x0a2026/01/01 00:00:00 [alert] 1#1: x",
	'only ends' => "\x0d\x0a\x0d\x0a",
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('log'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(2 * keys(%hostile)
	+ 4 * (keys(%hostile) + keys(%lines)) + 12);

# what is in quotes is no alert
$t->allow_alert(qr/ \[info\] .* kafka ws refused with /);

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

    server_tokens                off;
    keepalive_timeout            60s;
    large_client_header_buffers  4 32k;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location ~ ^/topic/(?<name>(?s:.*))\$ {
            kafka_ws        c;
            kafka_ws_topic  \$name;
        }

        location /header {
            kafka_ws            c;
            kafka_ws_topic      $topic;
            kafka_ws_partition  \$http_x_partition;
            kafka_ws_start      \$http_x_start;
            kafka_ws_cursor     \$http_x_cursor;
        }

        location ~ ^/partition/(?<list>(?s:.*))\$ {
            kafka_ws            c;
            kafka_ws_topic      $topic;
            kafka_ws_partition  \$list;
        }

        location ~ ^/start/(?<from>(?s:.*))\$ {
            kafka_ws        c;
            kafka_ws_topic  $topic;
            kafka_ws_start  \$from;
        }

        location /pages {
            kafka_ws    c;
            error_page  403 426 /sorry;
        }

        location = /sorry {
            internal;
            return  200 "sorry";
        }

        location = /after {
            return  200 "after";
        }
    }
}

EOT

###############################################################################

KafkaWS::Client->open($t->port(0), '/')->disconnect();

my $p = KafkaWS::Probe->new($t);
my $size = -s log_file();

for (sort keys %hostile) {
	my $text = $hostile{$_};
	my $origin = "http://$text";

	is($p->ask(request('/', more => "Origin: $origin")),
		refused('origin', arg => shown($origin)), "Origin: $_");

	# in a header that only a variable reads
	is($p->ask(request('/header', more => ["X-Partition: $text"])),
		refused('partitions', arg => at(cursor_error($text))),
		"partitions of a header: $_");
}

for (sort(keys %hostile), sort keys %lines) {
	my $text = $hostile{$_} // $lines{$_};
	my $escaped = $text =~ s/([^A-Za-z0-9])/sprintf '%%%02x', ord $1/ger;

	is($p->ask(request("/topic/$escaped")),
		refused('topic', arg => shown($text)), "topic: $_");
	is($p->ask(request("/?cursor=$escaped")),
		refused('cursor', arg => at(cursor_error($text))),
		"cursor: $_");
	is($p->ask(request("/partition/$escaped")),
		refused('partitions', arg => at(cursor_error($text))),
		"partitions: $_");
	is($p->ask(request("/start/$escaped")), refused('start'),
		"start: $_");
}

# what is not shown at all

my $secret = "s3cr\x1bt";

is($p->ask(request('/', more => "Sec-WebSocket-Protocol: $secret")),
	refused('protocols'), 'a bad offer');
is($p->ask(request('/', more => "Sec-WebSocket-Extensions: $secret")),
	refused('extensions'), 'a bad extension');
is($p->ask(request('/', key => "Sec-WebSocket-Key: $secret")),
	refused('key'), 'a bad key');
is($p->ask(request('/', upgrade => "Upgrade: $secret")),
	refused('upgrade'), 'another Upgrade');
is($p->ask(request('/', version => "Sec-WebSocket-Version: $secret")),
	refused('version'), 'another version');
is($p->ask(request('/header', more => ['X-Partition: 0',
	"X-Cursor: $secret"])),
	refused('cursor', arg => at(cursor_error($secret))), 'a bad cursor');

# one line, also where the answer is a page

for (['Origin: http://evil'], ["Origin: http://\x1b[31m"]) {
	$p->ask(request('/pages', more => $_), body => 1);
}

$p->new_lines();

my $log = substr KafkaWS::Nginx::read_file(log_file()), $size;
my @lines = split /\n/, $log;
my @refused = grep { /kafka ws refused/ } @lines;

unlike($log, qr/[\x00-\x09\x0b-\x1f\x7f-\xff]/, 'the log is printable');
unlike($log, qr/s3cr/, 'and has nothing of what is secret');
is(scalar @refused, 2 * keys(%hostile) + 4 * (keys(%hostile) + keys(%lines))
	+ 8, 'one line for each');
is(scalar(grep { !/^\S+\ \S+\ \[info\]\ \d+\#\d+:\ \*\d+
	\ kafka\ ws\ refused\ with\ 4\d\d:\ .*,\ client:\ 127\.0\.0\.1,
	\ server:\ ,\ request:\ "GET\ [!-~]/x }
	@refused), 0, 'each with level, client and request');
is(scalar(grep { /\[(?:warn|error|crit|alert|emerg)\]/
	&& !/kafka ws refused/ } @lines), 0, 'none above info');
is(scalar(grep { /refused with \d+: (.*), client: 127/ && length $1 > 256 }
	@refused), 0, 'none is long');

###############################################################################

sub log_file { return $t->testdir . '/error.log' }

# 128 bytes at most, and what is cut says so
sub shown {
	my ($text) = @_;
	my $all = '';
	my $fits = 0;

	for my $ch (split //, $text) {
		my $next = $all . printable($ch);

		return substr($all, 0, $fits) . '...' if length $next > 128;

		$all = $next;
		$fits = length $all if length $all <= 125;
	}

	return $all;
}

sub at { return "$_[0] at byte $_[1]" }

sub cursor_error {
	my ($text) = @_;

	return ($text =~ /^,/ ? 'partition missing' : 'unexpected character',
		0);
}

###############################################################################
