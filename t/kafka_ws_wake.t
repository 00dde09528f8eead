#!/usr/bin/perl

# A worker that sleeps is woken by each record that it has clients for: it does
# not take until the tick of 100 ms that would find it as well.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(now);
use KafkaWS::Pace qw(unmeasured);

###############################################################################

# all are woken after each look-up of topics
use constant { RECORDS => 61, WORKERS => 3, LOOK_UP => 3 };

my $broker = KafkaWS::Broker->new();
my $topic = $broker->create_topic($broker->topic('wake'));
my $other = $broker->create_topic($broker->topic('other'));

my $t = KafkaWS::Nginx->new(broker => $broker)->plan(WORKERS + 4);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes @{[ WORKERS ]};

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic $other;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

        location / {
            kafka_ws        c;
            kafka_ws_topic  $topic;
        }

        location /other {
            kafka_ws        c;
            kafka_ws_topic  $other;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

# enough for each worker to have one, whatever the kernel's choice

my @c = map { KafkaWS::Client->open($t->port(0), '/') } 1 .. 8 * WORKERS;

$_->wait_event('start', 10) for @c;

my (%times, $missed);

for (1 .. RECORDS) {
	$broker->produce($topic, 'x' x 10);

	# it is there; what a busy broker took is its own affair
	my $since = now();

	for my $i (0 .. $#c) {
		$c[$i]->records(1, 10) or $missed++;
		push @{ $times{$i} }, now() - $since;
	}

	# until all sleep again
	select undef, undef, undef, 0.01;
}

is($missed, undef, 'every record');

my @median = sort { $a <=> $b }
	map { (sort { $a <=> $b } @$_)[RECORDS / 2] } values %times;

# each worker has clients among these

SKIP: {
	unmeasured(WORKERS);

	for (1 .. WORKERS) {
		my $ms = $median[$_ * $#median / WORKERS] * 1000;

		cmp_ok($ms, '<', 40, "median until a client has it, part $_");
	}
}

cmp_ok($t->status()->{clusters}[0]{wakes_sent}, '>=', RECORDS, 'wake-ups');

# what nobody here wants wakes nobody; whoever comes for it is woken again

my $since = now();
my $sent = $t->status()->{clusters}[0]{wakes_sent};

for (1 .. RECORDS) {
	$broker->produce($other, 'y');
}

my $more = $t->status()->{clusters}[0]{wakes_sent} - $sent;

cmp_ok($more, '<=', RECORDS / 10 + WORKERS * int((now() - $since) / LOOK_UP),
	'no wake-ups for a topic without clients');

my $c = KafkaWS::Client->open($t->port(0), '/other');

$c->wait_event('start', 10);
$sent = $t->status()->{clusters}[0]{wakes_sent};

for (1 .. RECORDS) {
	$broker->produce($other, 'y');
	$c->records(1, 10);
	select undef, undef, undef, 0.01;
}

cmp_ok($t->status()->{clusters}[0]{wakes_sent} - $sent, '>=', RECORDS / 2,
	'wake-ups for one that has a client now');

###############################################################################
