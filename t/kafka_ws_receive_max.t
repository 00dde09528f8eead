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

use constant { TIME => 20, BIG => 2_000_000, LIMIT => 1_000_000,
	ROUNDS => $ENV{TEST_NEIGHBOUR_RATIO} ? 5 : 2 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('receive'),
	config => { 'max.message.bytes' => 8 * 1024 * 1024 });

my $t = KafkaWS::Nginx->new(broker => $b)->plan(7 * ROUNDS + 1
	+ KafkaWS::Neighbour::CHECKS);

conf(LIMIT);
$t->run();

###############################################################################

my $near = KafkaWS::Neighbour->start($t);
my $c = started('/');

$b->produce($topic, 'before');
is(($c->records(1, TIME))[0]{value}, 'before', 'record before it');

# again and again: one time says little of a latency

for my $round (1 .. ROUNDS) {
	$near->quiet();

	$b->produce($topic, 'x' x BIG);
	$b->produce($topic, 'behind');

	ok(wait_for(TIME, sub { lines() == $round }),
		"$round: a line with the property");
	is($c->next_record(3), undef, "$round: nothing passes it");
	ok(!$c->{close} && !$c->eof, "$round: the client stays");

	$c = reloaded(10 * LIMIT, "$round: reload with a larger one");

	is(($c->records(1, TIME))[0]{value}, 'x' x BIG,
		"$round: the record itself");
	is(($c->records(1, TIME))[0]{value}, 'behind',
		"$round: and what is behind it");

	next if $round == ROUNDS;

	# the ring stays: what is in it is not fetched again
	$c = reloaded(LIMIT, "$round: reload with the small one");
}

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

# returns: the client that came back
sub reloaded {
	my ($receive, $name) = @_;
	my $cursor = $c->cursor;
	my $before = helper();

	conf($receive);
	$t->reload();
	is(($c->wait_close(TIME))[0], 1012, $name);

	# what the old one would take is not for it
	wait_for(TIME, sub { (helper() // 0) != $before })
		or die "no new helper\n";

	return started("/?cursor=$cursor");
}

sub helper { return $t->status()->{clusters}[0]{helper_pid} }

sub lines {
	return scalar grep {
		/\[warn\] .* increase receive\.message\.max\.bytes/ }
		split /\n/, $t->log();
}

sub started {
	my ($uri) = @_;
	my $client = KafkaWS::Client->open($t->port(0), $uri, ready => TIME);

	$client->wait_event('start', TIME) or die "no start event\n";

	return $client;
}

###############################################################################
