#!/usr/bin/perl

# Filters that overlap: each record is wanted by all of many clients whose
# values differ, and there are more such pairs than a worker notes at a time.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;
use KafkaWS::Pace qw(amount);

use constant { TIME => 30, CLIENTS => 120, PARTITIONS => 8,
	RECORDS => amount(1600) };

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('overlap'), partitions => PARTITIONS);
my $t = KafkaWS::Nginx->new(broker => $b)->plan(4);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes 1;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        ring      256k;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws         c;
            kafka_ws_format  text;
            kafka_ws_start   earliest;
            kafka_ws_filter  key in "all,\$arg_u";
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my @c = map { KafkaWS::Client->open($t->port(0), "/?u=$_", format => 'text') }
	1 .. CLIENTS;

# whenever they start, they begin with these

$b->produce($topic, map { { partition => $_, key => 'all', value => 'first' } }
	0 .. PARTITIONS - 1);

for my $c (@c) {
	$c->next_message(TIME) for 1 .. PARTITIONS;
}

my ($worker) = $t->worker_pids();

kill 'STOP', $worker;
my @offsets = $b->produce($topic, map { { partition => $_ % PARTITIONS,
	key => $_ % 4 ? 'all' : 1 + $_ / 4 % CLIENTS, value => "v$_" } }
	0 .. RECORDS - 1);
kill 'CONT', $worker;

is(scalar @offsets, RECORDS, 'records');

my ($wrong, $foreign) = (0, 0);

for my $u (1 .. CLIENTS) {
	my @wanted = grep { $_ % 4 || 1 + $_ / 4 % CLIENTS == $u }
		0 .. RECORDS - 1;
	my (%got, %expected);

	push @{ $expected{ $_ % PARTITIONS } }, $_ for @wanted;

	for (@wanted) {
		my $m = $c[$u - 1]->next_message(TIME) or last;
		my ($n) = $m->{payload} =~ /^v(\d+)\z/;

		push @{ $got{ $n % PARTITIONS } }, $n;
	}

	for my $p (0 .. PARTITIONS - 1) {
		$wrong++ if "@{ $got{$p} // [] }" ne "@{ $expected{$p} // [] }";
	}

	$foreign++ if $c[$u - 1]->next_message(0);
}

is($wrong, 0, 'each client gets its own and what is for all, in order');
is($foreign, 0, 'and nothing else');
is($t->status()->{clusters}[0]{slow}, 0, 'nobody was behind');

###############################################################################
