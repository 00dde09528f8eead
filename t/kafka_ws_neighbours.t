#!/usr/bin/perl

# A static and a proxied site on the same nginx never fail: not during
# reloads, nor without the helper or the broker.

# brokers: kafka mock
# timeout: 240

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Neighbour;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Stall;

use constant { TIME => 60, SLOW => 2 };

my $stall = KafkaWS::Stall->start();
my $b = KafkaWS::Broker->new(own => 1);
my $topic = $b->create_topic($b->topic('near'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(19);

$t->allow_alert(qr/cache manager process \d+ exited on signal 9$/);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  500ms;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location /ws {
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

my $near = KafkaWS::Neighbour->start($t);
my @c = map { started() } 1 .. 4;
my $bulk = $b->bulk_start($topic, rate => 200, partitions => 2,
	seconds => 120);

# a client more that does not read

my $stuck = KafkaWS::Client->open($t->port(0), '/ws', rcvbuf => 4096);

check('flow', sub { $c[0]->records(100, 10) == 100 });

check('reloads', sub {
	for (1 .. 3) {
		$t->reload();
		wait_for(10, sub { !$t->old_worker_pids() }) or return 0;
		@c = map { started() } @c;
	}

	return 1;
});

check('helper killed', sub {
	for (1 .. 3) {
		my $pid = $t->helper_pid();

		kill 'KILL', $pid;
		wait_for(10, sub { ($t->helper_pid() // $pid) != $pid
			&& cluster()->{helper_pid} != $pid }) or return 0;
	}

	return $c[0]->records(50, 10) == 50;
});

check('helper stopped', sub {
	my $pid = $t->helper_pid();

	kill 'STOP', $pid;

	my $ok = wait_for(10, sub {
		cluster()->{heartbeat_age_ms} > 1000 });

	kill 'CONT', $pid;

	return $ok && $c[0]->records(50, 10) == 50;
});

$bulk->stop();

check('broker down', sub {
	$b->down();

	my $ok = wait_for(TIME, sub { cluster()->{broker}{state} eq 'down' });

	$t->reload();
	$b->up();

	return $ok && wait_for(TIME, sub {
		cluster()->{broker}{state} eq 'up' });
});

check('refused clients', sub {
	for (1 .. 50) {
		KafkaWS::Client->connect($t->port(0), '/ws', version => 1);
		started()->reset();
	}

	return 1;
});

is($near->stop(), 0, 'the prober itself');

###############################################################################

# Something happens; the neighbours serve meanwhile, and in time.
sub check {
	my ($name, $sub) = @_;

	$near->probes();
	$stall->lap();

	ok($sub->(), "$name: happened");

	my $r = $near->probes();

	is($r->{failed}, 0, "$name: neighbours answer") or diag($r->{said});
	cmp_ok($r->{max} - $stall->lap()->{longest}, '<', within(SLOW),
		"$name: in time");
}

sub started {
	my $c = KafkaWS::Client->open($t->port(0), '/ws', ready => TIME);

	$c->wait_event('start', 10);

	return $c;
}

sub cluster { return $t->status()->{clusters}[0] }

###############################################################################
