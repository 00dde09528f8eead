#!/usr/bin/perl

# Metadata has an error of a topic, for longer than it takes to find a topic
# deleted: clients stay, a line names topic and cause, and one says when it was
# over.

# brokers: mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Flow;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for);

use constant { TIME => 20, CLIENTS => 2 };

my $b = KafkaWS::Broker->new(own => 1);
my $topic = $b->create_topic($b->topic('error'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(17
	+ KafkaWS::Neighbour::CHECKS);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_ping  300ms timeout=5m;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        property  fetch.wait.max.ms 5;
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

###############################################################################

$b->topic_error($topic, 29);
$t->run();

ok($t->wait_log(qr/topic "$topic": .*Topic authorization failed/, TIME),
	'at the start: a line');
ok(wait_for(TIME, sub {
	KafkaWS::Client->connect($t->port(0), '/')->status == 404 }),
	'at the start: there is no such stream');

$b->topic_error($topic, 0);
ok($t->wait_log(qr/topic "$topic" can be had after \d+ ms/, TIME),
	'at the start: over');

my $near = KafkaWS::Neighbour->start($t);
my $flow = KafkaWS::Flow->new($t, clients => CLIENTS);
my $bulk = $b->bulk_start($topic, run => 'error', rate => 200, size => 100,
	seconds => 240);

is($flow->read(50), 50, 'flow');
$near->quiet();

for my $case (['Topic authorization failed', 29],
	['Leader not available', 5])
{
	my ($cause, $code) = @$case;
	my $line = qr/\[warn\] .* topic "$topic": .*\Q$cause/;

	$b->topic_error($topic, $code);
	ok(wait_for(TIME, sub { lines($line) == 1 + ($code == 29) }),
		"$cause: a line");

	# as long as it takes to find a topic gone, and longer
	$flow->read_one(0, 1e9, 11);

	is_deeply([$flow->lost()], [], "$cause: clients stay");
	is(lines($line), 1 + ($code == 29), "$cause: one line");

	$b->topic_error($topic, 0);
	ok(wait_for(TIME, sub {
		lines(qr/topic "$topic" can be had after \d+ ms/)
		== 2 + ($code == 5) }), "$cause: over");
	is($flow->read(100), 100, "$cause: flow after it");
	$near->quiet();
}

is(lines(qr/is gone/), 0, 'the topic was never gone');

$near->finish();

is($flow->finish($bulk->stop()->{acked}), CLIENTS,
	'every record, once, in order');
is(status()->{gaps} + status()->{lapped}, 0, 'no gaps');

###############################################################################

sub lines {
	my ($pattern) = @_;

	return scalar grep { $_ =~ $pattern } split /\n/, $t->log();
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
