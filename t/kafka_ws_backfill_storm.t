#!/usr/bin/perl

# Ten thousand clients come at once and want records that are older than the
# ring, some all of them, most the last ones: the broker sends them about once.

# brokers: kafka
# timeout: 300

###############################################################################

use warnings;
use strict;

use List::Util qw(sum);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load;
use KafkaWS::Nginx;
use KafkaWS::Pace qw(amount);
use KafkaWS::Process qw(now);

use constant {
	WHOLE => amount(200),		# clients that want all of it,
	PART => amount(9800),		# and those that want the last
	LAST => 300,			# records
	RECORDS => 5000,		# of which the ring has some 50
	SIZE => 2000,
};

use constant CLIENTS => WHOLE + PART;

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
        zone     c 64m;
        ring     256k;
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
my @r = map { $_->result(150) } load(WHOLE, '/t', records => RECORDS),
	load(PART, '/t?cursor=0:' . (RECORDS - LAST), records => LAST,
		late => 1);

my $seconds = now() - $started;

is($r[0]{done} + $r[1]{done}, CLIENTS, 'every client has every record');
is(total(qw(lost doubled reordered corrupt protocol gaps)), 0,
	'once, in order');
is(total(qw(turned_away reconnects)), 0, 'none is turned away');

my $bytes = $b->metrics()->{bytes_out} - $before->{bytes_out};
my $after = backfill();
my $range = RECORDS * SIZE;

cmp_ok($after->{bytes} - $read->{bytes}, '>', 0.9 * $range,
	'records are read');
cmp_ok($after->{bytes} - $read->{bytes}, '<=', 1.1 * $range, 'once');
cmp_ok($bytes, '<=', 2 * $range, 'bytes that the broker sent');
is($after->{starts} - $read->{starts}, CLIENTS, 'each began below the ring');
cmp_ok($after->{reads} - $read->{reads}, '<=', 5, 'ranges read');

note(sprintf '%d clients, %.1f GB, in %.1f s; the broker sent %.2f times '
	. 'the range of %.1f MB', CLIENTS, total('bytes') / 1e9, $seconds,
	$bytes / $range, $range / 1e6);
note($_->{text}) for @r;

sub load {
	my ($clients, $uri, @more) = @_;

	return KafkaWS::Load->start(port => $t->port(0), uri => $uri,
		connections => $clients, run => 'storm', seconds => 120,
		@more);
}

# of all clients
sub total {
	my (@fields) = @_;

	return sum(map { @{$_}{@fields} } @r);
}

sub backfill { return $t->status()->{clusters}[0]{backfill} }
