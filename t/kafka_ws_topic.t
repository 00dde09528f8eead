#!/usr/bin/perl

# The topic of a location: by variable, and never one that is not allowed.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

###############################################################################

my $b = KafkaWS::Broker->new();
my $base = $b->topic('topic');
my $long = $base . 'x' x (249 - length $base);

my @topics = map { $b->create_topic($_) } ("$base.a", "$base.b", "$base.B",
	"$base.secret", "other-$base", $long);

my @refused = (
	# what stands in the URL, the topic it means
	["$base.none", "$base.none", 'does not exist'],
	["$base.secret", "$base.secret", 'is not streamed here'],
	["other-$base", "other-$base", 'is not streamed here'],
	["$base.A", "$base.A", 'does not exist'],
	["\U$base.a", "\U$base.a", 'is not streamed here'],
	["$base", $base, 'does not exist'],
	['__consumer_offsets', '__consumer_offsets', 'is not streamed here'],
	["__$base", "__$base", 'is not streamed here'],
	["${long}x", undef, 'is not streamed here'],
	["$base.a%20", "$base.a ", 'is not streamed here'],
	["$base%2ea%0a", undef, 'is not streamed here'],
	["$base.a%22", undef, 'is not streamed here'],
	["$base.a,$base.b", "$base.a,$base.b", 'is not streamed here'],
	["$base.%C3%A9", undef, 'is not streamed here'],
	['', '', 'is not streamed here'],
	['..', '..', 'is not streamed here', 'arg'],
	['%2e', '%2e', 'is not streamed here', 'arg'],
	["$base%2ea", "$base%2ea", 'is not streamed here', 'arg'],
	["$base.a%00", "$base.a%00", 'is not streamed here', 'arg'],
);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(12 + 2 * @refused);

my $pattern = $base =~ s/\./\\./gr;

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    ~^$pattern(?!\\.secret) ~^__ ~consumer;
        zone      c 32m;
        ring      1m;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_cluster one {
        brokers   %%BROKERS%%;
        topics    $base.b;
        zone      one 16m;
        property  fetch.wait.max.ms 5;
    }

    large_client_header_buffers  4 8k;
    kafka_ws_topic               $base.a;
    kafka_ws_fields              topic value;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location ~ ^/of/(?<name>[^/]*)\$ {
            kafka_ws        c;
            kafka_ws_topic  \$name;
        }

        location /arg {
            kafka_ws        c;
            kafka_ws_topic  \$arg_name;
        }

        location ~ ^/part/(?<part>[a-z]+)\$ {
            kafka_ws        c;
            kafka_ws_topic  $base.\$part;
        }

        location /inherited {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_1%%;

        location / {
            kafka_ws        one;
            kafka_ws_topic  $base.b;
        }
    }
}

EOT

###############################################################################

# topics by URL: what is written to one comes to its readers alone

my %clients = map { $_ => KafkaWS::Client->open($t->port(0), $_) }
	"/of/$base.a", "/of/$base.b", "/of/$base.B", "/of/$long",
	"/of/$base%2eb", "/arg?name=$base.b", '/part/a', '/inherited';

$clients{one} = KafkaWS::Client->open($t->port(1), '/');

$_->wait_event('start', 10) or die "no start event\n" for values %clients;

$b->produce($_, "for $_") for @topics;

is_deeply([value($clients{"/of/$base.a"})], ["$base.a", "for $base.a"],
	'topic by URL');
is_deeply([value($clients{"/of/$base.b"})], ["$base.b", "for $base.b"],
	'another one');
is_deeply([value($clients{"/of/$base.B"})], ["$base.B", "for $base.B"],
	'names that differ in case');
is_deeply([value($clients{"/of/$long"})], [$long, "for $long"],
	'name of 249 characters');
is_deeply([value($clients{"/of/$base%2eb"})], ["$base.b", "for $base.b"],
	'encoded name');
is_deeply([value($clients{"/arg?name=$base.b"})], ["$base.b",
	"for $base.b"], 'name of an argument');
is_deeply([value($clients{'/part/a'})], ["$base.a", "for $base.a"],
	'a part of the name');
is_deeply([value($clients{'/inherited'})], ["$base.a", "for $base.a"],
	'literal name, inherited');
is_deeply([value($clients{one})], ["$base.b", "for $base.b"],
	'another cluster');

# whatever is not allowed is 404; for what does not exist it is 503 until the
# first list of topics is complete

wait_for(10, sub { KafkaWS::Client->connect($t->port(0),
	"/of/$base.none")->status == 404 }) or die "topics are not known\n";

for my $case (@refused) {
	my ($name, $topic, $text, $arg) = @$case;
	my $r = KafkaWS::Client->connect($t->port(0),
		$arg ? "/arg?name=$name" : "/of/$name");

	is($r->status, 404, "\"$name\": status");
	like($r->body, defined $topic ? qr/^topic "\Q$topic\E" $text$/
		: qr/^topic "[^\n"]*" $text$/, "\"$name\": text");
}

# nginx itself refuses this one before any location

is(KafkaWS::Client->connect($t->port(0), "/of/$base.a%00")->status, 400,
	'NUL in the path');

my ($status) = grep { $_->{name} eq 'c' } @{ $t->status()->{clusters} };
my @known = sort map { $_->{topic} } @{ $status->{topics} };

is($status->{refusals}{topic}, @refused + 1, 'refusals are counted');
is("@known", join(' ', sort "$base.a", "$base.b", "$base.B", $long),
	'none of them is fetched');

###############################################################################

# topic and value of the next record
sub value {
	my ($c) = @_;
	my $r = $c->next_record(10) or return;

	return @$r{qw(topic value)};
}

###############################################################################
