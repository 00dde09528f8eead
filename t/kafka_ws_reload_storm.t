#!/usr/bin/perl

# A reload closes 10,000 clients at once, and all of them come back at once
# with the same cursor: each goes on at its next record, and soon.

# brokers: kafka
# run: alone
# timeout: 240

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Load;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount within unmeasured);

use constant {
	CLIENTS => amount(10_000),
	RELOADS => 2,
	RATE => 4,
	SECONDS => within(16),
	RESUME => 2_000_000,		# us, p99, from Close to the next record
	STEP => within(6),
};

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('again'));
my $t = KafkaWS::Nginx->new(broker => $b)->plan(11);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes      2;
worker_rlimit_nofile  16384;

events {
    worker_connections  12000;
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  0;

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 16m;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport backlog=8192;

        location /t {
            kafka_ws  c;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
	connections => CLIENTS, run => 'again', records => RATE * SECONDS,
	inflight => 2048, sources => 4, seconds => SECONDS + 60);
my $bulk = $b->bulk_start($topic, run => 'again', rate => RATE, size => 200,
	count => RATE * SECONDS);
my $start = now();
my @back;

for my $n (1 .. RELOADS) {
	sleep 1;

	my $since = now();

	$t->reload();
	push @back, now() - $since if wait_for(30, sub {
		!$t->old_worker_pids() && connections() == CLIENTS });

	my $left = STEP - (now() - $since);

	sleep $left if $left > 0;
}

cmp_ok(now() - $start, '<', SECONDS, 'all of it within the flow');
is(scalar @back, RELOADS, 'all are back');

my $produced = $bulk->result(60);
my $r = $load->result(90);

is($produced->{failed}, 0, 'all records produced');
is($r->{done}, CLIENTS, 'every client has every record');
is($r->{lost} + $r->{doubled} + $r->{reordered} + $r->{corrupt}
	+ $r->{protocol} + $r->{gaps}, 0, 'once, in order');
is($r->{moved}, 0, 'every resume at its cursor');
is($r->{resumed}, RELOADS * CLIENTS, 'each is a resume');
is($r->{resets} + $r->{eofs} + $r->{turned_away}, 0,
	'no connection cut or turned away');
is($r->{codes}{1012}, RELOADS * CLIENTS, 'each reload sends 1012');
is($r->{resume_us}{n}, RELOADS * CLIENTS, 'each has its next record');

SKIP: {
	unmeasured(1);
	cmp_ok($r->{resume_us}{p99}, '<', within(RESUME),
		'from Close to the next record, p99');
}

note(sprintf '%d clients are back after %s s; p99 from Close to the next '
	. 'record %.0f ms', CLIENTS, join(', ', map { sprintf '%.1f', $_ }
	@back), $r->{resume_us}{p99} / 1000);
note($r->{text});

###############################################################################

sub connections { return $t->status()->{clusters}[0]{connections} }

###############################################################################
