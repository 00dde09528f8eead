#!/usr/bin/perl

# A request with two faults, or with all of them: the answer is that to the
# first in a fixed order, whatever the order of the headers.

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
use KafkaWS::Probe qw(request refused reason);

# In the order of the checks: answer, part, what is wrong with it, what the
# text says of it, and what the log alone does.  Two faults of one part exclude
# each other.
my @faults = (
	['method', method => 'POST'],
	['http', http => 'HTTP/1.0'],
	['body', body => 'Content-Length: 1'],
	['upgrade', upgrade => 'Upgrade: h2c'],
	['connection', connection => 'Connection: te'],
	['versions', version => [('Sec-WebSocket-Version: 13') x 2]],
	['version', version => 'Sec-WebSocket-Version: 8'],
	['keys', key => [('Sec-WebSocket-Key: x') x 2]],
	['key', key => 'Sec-WebSocket-Key: x'],
	['extensions', extensions => 'Sec-WebSocket-Extensions: ;'],
	['protocols', protocol => 'Sec-WebSocket-Protocol: "'],
	['origins', origin => [('Origin: http://localhost') x 2]],
	['origin', origin => 'Origin: http://evil', 'http://evil'],
	['topic', topic => 'none', 'none'],
	['partitions', partition => 'x', 'unexpected character at byte 0'],
	['no partition', partition => '9'],
	['filter', filter => '', undef, 'key'],
	['start', start => 'x'],
	['cursor', cursor => 'x', 'unexpected character at byte 0'],
);

my @pairs = ([0 .. $#faults], map { my $i = $_; map { [$i, $_] }
	grep { $faults[$_][1] ne $faults[$i][1] } $i .. $#faults }
	0 .. $#faults);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('order'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(@faults + 2 * @pairs);

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

    server_tokens      off;
    keepalive_timeout  60s;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws            c;
            kafka_ws_topic      \$arg_topic;
            kafka_ws_partition  \$arg_partition;
            kafka_ws_filter     key = \$arg_filter;
            kafka_ws_start      \$arg_start;
        }

        location = /after {
            return  200 "after";
        }
    }
}

EOT

###############################################################################

KafkaWS::Client->open($t->port(0), uri())->disconnect();

my $p = KafkaWS::Probe->new($t);

is($p->ask(with($_)), answer($_), "$_->[0] alone") for @faults;

for my $pair (@pairs) {
	my @two = map { $faults[$_] } @$pair;
	my $names = @two == 2 ? "$two[0][0] before $two[1][0]" : 'all of them';

	is($p->ask(with(@two)), answer(@two), $names);
	is($p->ask(turned(with(@two))), answer(@two), "$names, turned");
}

###############################################################################

sub uri {
	my (%part) = @_;
	my %args = (topic => $topic, partition => 0, filter => 'k',
		start => 'latest', cursor => '', %part);

	return '/?' . join '&', map { "$_=$args{$_}" }
		qw(cursor start filter partition topic);
}

# a request with these faults, the first of a part's
sub with {
	my %part;

	$part{ $_->[1] } //= $_->[2] for @_;

	my @more = map { ref $_ ? @$_ : $_ } grep { defined }
		@part{qw(origin protocol extensions body)};
	my %args = map { defined $part{$_} ? ($_ => $part{$_}) : () }
		qw(topic partition filter start cursor);

	return request(uri(%args), more => \@more,
		map { defined $part{$_} ? ($_ => $part{$_}) : () }
			qw(method http upgrade connection version key));
}

sub answer {
	my ($fault) = @_;

	# HTTP/1.0 keeps no connection, and what has a body ends it
	my $ends = grep { $_->[1] =~ /^(?:http|body)$/ } @_;

	return refused($fault->[0], arg => $fault->[3], detail => $fault->[4],
		$ends ? (kept => 0) : ());
}

# the lines of the header in the other order
sub turned {
	my ($request) = @_;
	my ($line, @headers) = split /\x0d\x0a/, $request;

	return join "\x0d\x0a", $line, reverse(@headers), '', '';
}

###############################################################################
