#!/usr/bin/perl

# Thousands of clients come at once and want the same records that are older
# than the ring: the broker sends them about once.

# brokers: kafka
# timeout: 300

###############################################################################

use warnings;
use strict;

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load;
use KafkaWS::Nginx;
use KafkaWS::Pace qw(amount);
use KafkaWS::Process qw(now);

use constant {
	CLIENTS => amount(3000),
	RECORDS => 6000,		# of 300 bytes; the ring has some 100
	SIZE => 300,
};

###############################################################################

my $b = KafkaWS::Broker->new(kind => 'kafka', own => 1, metrics => 1);
my $topic = $b->create_topic($b->topic('storm'));
my $t = KafkaWS::Nginx->new(broker => $b)->plan(9);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

worker_processes      2;
worker_rlimit_nofile  16384;

events {
    worker_connections  8000;
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 16m;
        ring     64k;
        preload  records=50;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport backlog=8192;

        location /t {
            kafka_ws        c;
            kafka_ws_start  earliest;
        }

        location /latest {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

is($b->produce_bulk($topic, run => 'storm', rate => 0, size => SIZE,
	count => RECORDS)->{failed}, 0, 'what is old');

$t->run();

# topics are known, the ring is loaded
KafkaWS::Client->open($t->port(0), '/latest')->wait_event('start', 10);

my ($before, $started) = ($b->metrics(), now());
my $read = backfill();
my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, run => 'storm', records => RECORDS,
	seconds => 120);
my $r = $load->result(150);

is($r->{done}, CLIENTS, 'every client has every record');
is($r->{lost} + $r->{doubled} + $r->{reordered} + $r->{gaps}, 0,
	'once, in order');
is($r->{turned_away} + $r->{reconnects}, 0, 'none is turned away');

my $bytes = $b->metrics()->{bytes_out} - $before->{bytes_out};
my $after = backfill();
my $range = RECORDS * SIZE;

cmp_ok($after->{bytes} - $read->{bytes}, '>', 0.9 * $range,
	'records are read');
cmp_ok($after->{bytes} - $read->{bytes}, '<=', 1.1 * $range, 'once');
cmp_ok($bytes, '<=', 2 * $range, 'bytes that the broker sent');
is($after->{starts} - $read->{starts}, CLIENTS, 'each began below the ring');
cmp_ok($after->{reads} - $read->{reads}, '<=', 5, 'ranges read');

note(sprintf '%d clients, %.1f MB each, in %.1f s; the broker sent %.2f '
	. 'times the range', CLIENTS, $range / 1e6, now() - $started,
	$bytes / $range);
note($r->{text});

sub backfill { return $t->status()->{clusters}[0]{backfill} }
