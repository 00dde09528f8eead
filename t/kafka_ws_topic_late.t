#!/usr/bin/perl

# Topics that come up while nginx runs: they flow from their first record.

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
my $base = $b->topic('late');
my $kafka = $b->kind eq 'kafka';
my $early = $b->create_topic("$base-early");

my $literals = $kafka ? "$base-early $base-literal" : "$base-early";

my $t = KafkaWS::Nginx->new(broker => $b)->plan(4 + 5 * ($kafka ? 3 : 2));

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $literals ~^$base-re\\.;
        zone      c 32m;
        ring      1m;
        preload   off;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location ~ ^/(?<name>[^/]+)\$ {
            kafka_ws        c;
            kafka_ws_topic  \$name;
            kafka_ws_start  \$arg_start;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $c = KafkaWS::Client->open($t->port(0), "/$early");

is($c->wait_event('start', 10)->{partitions}[0]{offset}, 0, 'early topic');

# what is allowed but not there yet

my @late = ("$base-re.one", "$base-re.two");

# the mock makes a topic as soon as it is asked for by name
push @late, "$base-literal" if $kafka;

# 503 until the first list of topics is complete
known("/$base-re.none");

for my $name (@late) {
	my $r = KafkaWS::Client->connect($t->port(0), "/$name");

	is($r->status, 404, "$name: 404 before");
	like($r->body, qr/^topic "\Q$name\E" does not exist$/, "$name: text");
}

# records are there before the topic is seen: none of them is lost, although
# nothing is preloaded

for my $name (@late, "$base-not-allowed") {
	$b->create_topic($name, partitions => 2);
	$b->produce($name, map { { partition => $_ % 2,
		value => "$name $_" } } 0 .. 9);
}

for my $name (@late) {
	my $new = ready("/$name?start=earliest");

	is_deeply($new->wait_event('start', 10)->{partitions}, [map {
		{ partition => $_, offset => 0, state => 'start' } } 0, 1],
		"$name: start event");

	$b->produce($name, "$name last");

	my %got;

	push @{ $got{ $_->{partition} } }, $_->{value}
		for $new->records(11, 10);

	is_deeply(\%got, { 0 => [map({ "$name " . $_ * 2 } 0 .. 4),
		"$name last"], 1 => [map { "$name " . ($_ * 2 + 1) } 0 .. 4] },
		"$name: from the first record on");
	is(join(' ', map { $_->{event} } $new->events), '',
		"$name: no other event");
}

# neither was the early one disturbed, nor another topic let in

$b->produce($early, 'still there');
is($c->next_record(10)->{value}, 'still there', 'the early topic goes on');

is(KafkaWS::Client->connect($t->port(0), "/$base-not-allowed")->status, 404,
	'a topic that is not allowed stays away');

is(join(' ', sort map { $_->{topic} }
	@{ $t->status()->{clusters}[0]{topics} }),
	join(' ', sort $early, @late), 'topics of the status page');

###############################################################################

sub known {
	my ($uri) = @_;

	wait_for(10, sub { KafkaWS::Client->connect($t->port(0), $uri)->status
		!= 503 }) or die "topics are not known\n";
}

# a client, as soon as its topic is known
sub ready {
	my ($uri) = @_;

	return wait_for(20, sub {
		my $client = KafkaWS::Client->connect($t->port(0), $uri);

		return $client->status == 101 ? $client : undef;
	}) || die "$uri does not come up\n";
}

###############################################################################
