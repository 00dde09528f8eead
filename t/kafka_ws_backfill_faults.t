#!/usr/bin/perl

# Clients that read what is old while records come, the helper is killed, the
# configuration is read again and the broker goes: each has every record.

# brokers: kafka
# timeout: 300

###############################################################################

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Nginx;
use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(now wait_for);

use constant {
	CLIENTS => 20,
	PARTITIONS => 2,
	RATE => 10_000,			# records of 500 bytes a second
	SECONDS => 18,
	BEFORE => 9,			# of them, until nginx is started
};

###############################################################################

my $b = KafkaWS::Broker->new(own => 1);
my $topic = $b->create_topic($b->topic('old'), partitions => PARTITIONS);
my $other = $b->create_topic($b->topic('other'));
my $t = KafkaWS::Nginx->new(broker => $b)->plan(10);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 16m;
        ring     256k;
        preload  records=50;
    }

    kafka_ws_drain  500ms;

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

        location /t {
            kafka_ws           c;
            kafka_ws_start     earliest;
            kafka_ws_backfill  records=1000000;
            kafka_ws_slow      close lag=1m;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $bulk = $b->bulk_start($topic, run => 'old', rate => RATE, size => 500,
	partitions => PARTITIONS, count => RATE * SECONDS);

sleep BEFORE;

$t->run();

my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, partitions => PARTITIONS, run => 'old',
	records => RATE * SECONDS / PARTITIONS, seconds => 200);

my $outage;

sleep 0.4;

for my $what (qw(kill reload kill broker reload)) {

	if ($what eq 'kill') {
		my $pid = $t->helper_pid();

		$t->allow_alert(qr/process $pid exited on signal 9/);
		kill 'KILL', $pid;
		wait_for(10, sub {
			my $now = $t->helper_pid();
			return $now && $now != $pid }) or diag('no helper');

	} elsif ($what eq 'reload') {
		$t->reload();

	} else {
		my $since = now();

		$b->down();
		sleep 1;
		$b->up();

		# until a producer, too, can go on
		$b->produce($other, 'again');
		$outage = now() - $since;
	}

	sleep 0.7;
}

is($bulk->result(60)->{failed}, 0, 'all records produced');

my $r = $load->result(200);

delete $r->{codes}{503};
delete $r->{codes}{1013};

is($r->{done}, CLIENTS, 'every client has every record');
is($r->{lost}, 0, 'lost');
is($r->{doubled}, 0, 'doubled');
is($r->{reordered}, 0, 'reordered');
is($r->{corrupt} + $r->{protocol} + $r->{gaps}, 0, 'frames in order');
is($r->{moved}, 0, 'every resume at its cursor');

my $s = $t->status()->{clusters}[0]{backfill};

cmp_ok($s->{bytes}, '>', 0, 'it was read from Kafka');
is(scalar(grep { $_ ne '1000' && $_ ne '1012' } keys %{ $r->{codes} }), 0,
	'closed with 1012 only');

cmp_ok($r->{stall_us}{max} / 1e6, '<', $outage + within(5),
	'longest stall');

note(sprintf "the broker was away for %.1f s\n", $outage);
note("$r->{text}\nread $s->{records} records in $s->{reads} reads");
