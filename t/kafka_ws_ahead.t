#!/usr/bin/perl

# Clients that come with a position which their worker has not reached yet,
# for it has much to send to others: they wait for it, and hold up nobody.

# brokers: kafka mock
# timeout: 120

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(amount);

use constant { TIME => 30, CLIENTS => amount(400), RECORDS => 8000,
	AHEAD => 6 };

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('ahead'));
my $t = KafkaWS::Nginx->new(broker => $b)->plan(6);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes 1;

events {
    worker_connections 1024;
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 64m;
        ring      8m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% backlog=1024;

        location / {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/',
	connections => CLIENTS, partitions => 1, run => 'ahead',
	records => RECORDS + 1, seconds => 60);

is($b->produce_bulk($topic, run => 'ahead', count => RECORDS,
	size => 400)->{acked}, RECORDS, 'records');

# The worker sends them, four hundred times each.  The ring has them before:
# it is the worker that is waited for, not Kafka, for which that would be the
# position of another log after a second.

wait_for(TIME, sub { $t->status()->{clusters}[0]{topics}[0]{partitions}[0]
	{next} == RECORDS }) or die "the ring does not have them\n";

note('sent when they come: ', $t->status()->{clusters}[0]{frames}, ' of ',
	CLIENTS * RECORDS);

my @ahead = map { KafkaWS::Client->open($t->port(0),
	'/?cursor=0:' . RECORDS) } 1 .. AHEAD;

is(join(' ', map { my $e = $_->wait_event('start', TIME);
	"$e->{partitions}[0]{offset}:$e->{partitions}[0]{state}" } @ahead),
	join(' ', (RECORDS . ':resumed') x AHEAD),
	'they start where they asked');

$b->produce_bulk($topic, run => 'ahead', count => 1, first => RECORDS);

my @came = map { ($_->records(1, TIME))[0]{offset} // '' } @ahead;

is(join(' ', @came), join(' ', (RECORDS) x AHEAD), 'and get what comes');
is(scalar(grep { $_->{event} eq 'gap' } map { $_->events } @ahead), 0,
	'no gaps');

my $r = $load->result(60);

is($r->{done}, CLIENTS, 'the others get theirs');
is_deeply([@$r{qw(lost doubled reordered corrupt gaps)}], [0, 0, 0, 0, 0],
	'each once');

###############################################################################
