#!/usr/bin/perl

# A record larger than receive.message.max.bytes: librdkafka takes nothing
# more of its partition.  A line says which property it is, the log stays
# small, and with a larger one the stream goes on at that record.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for);

use constant { TIME => 20, BIG => 2_000_000 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('receive'),
	config => { 'max.message.bytes' => 8 * 1024 * 1024 });

my $t = KafkaWS::Nginx->new(broker => $b)->plan(8
	+ KafkaWS::Neighbour::CHECKS);

conf(1_000_000);
$t->run();

###############################################################################

my $near = KafkaWS::Neighbour->start($t);
my $c = started('/');

$b->produce($topic, 'before');
is(($c->records(1, TIME))[0]{value}, 'before', 'record before it');
$near->quiet();

$b->produce($topic, 'x' x BIG);
$b->produce($topic, 'behind');

ok($t->wait_log(qr/\[warn\] .* increase receive\.message\.max\.bytes/, TIME),
	'a line with the property');
is($c->next_record(5), undef, 'nothing passes it');
ok(!$c->{close} && !$c->eof, 'the client stays');

my $cursor = $c->cursor;

conf(10_000_000);
$t->reload();
is(($c->wait_close(TIME))[0], 1012, 'reload with a larger one');

$c = started("/?cursor=$cursor");
is(($c->records(1, TIME))[0]{value}, 'x' x BIG, 'the record itself');
is(($c->records(1, TIME))[0]{value}, 'behind', 'and what is behind it');

$near->finish();
is($t->status()->{clusters}[0]{gaps}, 0, 'no gaps');

###############################################################################

sub conf {
	my ($receive) = @_;

	$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  200ms;

    kafka_ws_cluster c {
        brokers     %%BROKERS%%;
        topics      $topic;
        zone        c 96m;
        ring        16m;
        max_record  3m;

        property  fetch.wait.max.ms 5;
        property  receive.message.max.bytes $receive;
        property  fetch.max.bytes 500000;
        property  max.partition.fetch.bytes 100000;
        property  message.max.bytes 100000;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }

@{[ KafkaWS::Neighbour->locations ]}
    }

@{[ KafkaWS::Neighbour->server ]}
}

EOT
}

sub started {
	my ($uri) = @_;
	my $client = KafkaWS::Client->open($t->port(0), $uri, ready => TIME);

	$client->wait_event('start', TIME) or die "no start event\n";

	return $client;
}

###############################################################################
