#!/usr/bin/perl

# A topic that is deleted, and one of the same name that is made again.

# brokers: kafka

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

###############################################################################

my $b = KafkaWS::Broker->new();
my $quick = $b->create_topic($b->topic('quick'));
my $slow = $b->create_topic($b->topic('slow'));
my $other = $b->create_topic($b->topic('other'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(19);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $quick $slow $other;
        zone     c 32m;
    }

    kafka_ws_format  json text;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location /close/ {
            kafka_ws        c;
            kafka_ws_topic  $quick;
            kafka_ws_gap    close;
        }

        location ~ ^/(?<name>[^/]+)\$ {
            kafka_ws        c;
            kafka_ws_topic  \$name;
        }
    }
}

EOT

###############################################################################

$b->produce($_, map { "old $_" } 0 .. 9) for $quick, $slow, $other;
$t->run();

# the first one has no start event: it begins before those behind it
my $text = KafkaWS::Client->open($t->port(0), "/$quick",
	subprotocol => 'kafka.text.v1');
my ($c, $closed, $gone, $witness) = map { KafkaWS::Client->open($t->port(0),
	$_) } "/$quick", '/close/', "/$slow", "/$other";

is(entry($_), '10 start', 'start') for $c, $closed, $gone;
entry($witness);

# made again at once: before anyone takes it for gone

$b->delete_topic($_) for $slow, $quick;

wait_for(20, sub { eval { $b->create_topic($quick) } })
	or die "the topic is not made again\n";
$b->produce($quick, map { "new $_" } 0 .. 4);

is(entry($c, 30), '0 reset', 'made again: start event');
is(seen($c, 5), '0 new 0, 1 new 1, 2 new 2, 3 new 3, 4 new 4',
	'made again: from its first record on');
is(($closed->wait_close(10))[0], 4410, 'made again: kafka_ws_gap close');
is(($text->wait_close(10))[0], 4410, 'made again: text');

# resumes from the life before

my $again = KafkaWS::Client->open($t->port(0), "/$quick?cursor=0:10");

is(entry($again), '5 reset', 'cursor of the life before');
$b->produce($quick, 'new 5');
is(seen($again, 1), '5 new 5', 'and the record behind it');
is(seen($c, 1), '5 new 5', 'those who were there go on');

$again = KafkaWS::Client->open($t->port(0), "/$quick?cursor=0:3");
is(entry($again) . ', ' . seen($again, 3),
	'3 resumed, 3 new 3, 4 new 4, 5 new 5', 'cursor of this life');

# not made again

is(($gone->wait_close(30))[0], 4404, 'deleted: closed');
is(KafkaWS::Client->connect($t->port(0), "/$slow")->status, 404,
	'deleted: refused');

# it comes up again like any topic

$b->create_topic($slow);
$b->produce($slow, 'back 0', 'back 1');

my $back = wait_for(30, sub {
	my $r = KafkaWS::Client->connect($t->port(0),
		"/$slow?cursor=0:0");

	return $r->status == 101 ? $r : undef;
}) or die "the topic does not come back\n";

is(entry($back), '0 resumed', 'back: start event');
is(seen($back, 2), '0 back 0, 1 back 1', 'back: from its first record on');

# others are not disturbed by any of it

$b->produce($other, 'last');
is(seen($witness, 1), '10 last', 'another topic');
is(join(' ', map { $_->{event} } $witness->events), '', 'and no event');

ok($t->wait_log(qr/\[warn\].*topic "$quick" partition 0 ends at offset \d+ /),
	'log line of the other log');
like($t->log(), qr/\[warn\].*topic "$slow" is gone/, 'log line of the end');

###############################################################################

# offset and state of the next start event
sub entry {
	my ($client, $seconds) = @_;
	my $start = $client->wait_event('start', $seconds // 10)
		or return 'none';

	return join ' ', @{ $start->{partitions}[0] }{qw(offset state)};
}

sub seen {
	my ($client, $count) = @_;

	return join ', ', map { "$_->{offset} $_->{value}" }
		$client->records($count, 10);
}

###############################################################################
