#!/usr/bin/perl

# master_process off: one process consumes and streams; it stops in order,
# and a reload does not hurt it.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(unmeasured within);
use KafkaWS::Waited;

use constant TIME => 10;

my $kafka = KafkaWS::Broker->new();
my $topic = $kafka->create_topic($kafka->topic('single'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $kafka)->plan(19);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

master_process off;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
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
    }
}

EOT

###############################################################################

$t->run();

my $c = started();

$kafka->produce($topic, { partition => 1, value => 'one' });
is(($c->records(1, TIME))[0]{value}, 'one', 'record');

my $s = $t->status()->{clusters}[0];

is($s->{helper_pid}, $t->master_pid, 'the consumer is in the process');
is(scalar KafkaWS::Nginx::children($t->master_pid), 0, 'the only one');
is($s->{connections}, 1, 'connection in status');

# in time, without a wake-up from another process

my @late = sort { $a <=> $b } map { latency($c, "l$_") } 1 .. 11;

SKIP: {
	unmeasured(1);
	cmp_ok($late[5], '<', 0.1, 'latency');
}

# stops

my $time = stop('QUIT');

cmp_ok($time, '<', within(2), 'QUIT: time');
is($t->left_over(), 0, 'QUIT: no process left');
is(($c->wait_close(TIME))[0], 1001, 'QUIT: close');

$t->run();
$c = started();
$kafka->produce($topic, 'two');
is(($c->records(1, TIME))[0]{value}, 'two', 'record of another life');
$time = stop('TERM');
cmp_ok($time, '<', within(1.5), 'TERM: time');
is(($c->wait_close(TIME))[0], 1001, 'TERM: close');

# A reload: stock nginx 1.22 accepts nothing any more after one without a
# master.  What streams goes on.

$t->run();
$c = started();

for my $n (1 .. 3) {
	$t->signal('HUP');
	ok($t->wait_log(qr/(?:\[notice\] \S+ reconfiguring.*){$n}/s),
		"reload $n");
	$kafka->produce($topic, "hup$n");
	is(($c->records(1, TIME))[0]{value}, "hup$n",
		"reload $n: the stream goes on");
}

my $p = $t->{master};

$time = stop('QUIT');
cmp_ok($time, '<', within(2), 'QUIT after reloads: time');
is($p->status(), 0, 'QUIT after reloads: exit code');

###############################################################################

sub started {
	my $c = KafkaWS::Client->open($t->port(0), '/');

	$c->wait_event('start', 10);

	return $c;
}

# from Kafka's acknowledgement on: what that takes is none of nginx's
sub latency {
	my ($c, $value) = @_;

	$kafka->produce($topic, $value);

	my $since = now();

	die "no record\n" if ($c->records(1, TIME))[0]{value} ne $value;

	return now() - $since;
}

# returns: the time that it took itself
sub stop {
	my ($signal) = @_;
	my $p = $t->{master};
	my $queued = KafkaWS::Waited->new($$, $p->pid);
	my $since = now();

	$t->signal($signal);

	my $ended = wait_for(3 * TIME, sub { $queued->seconds(); !$p->alive });
	my $time = now() - $since;

	note(sprintf '%s: %.2f s, %.2f of them off a processor', $signal,
		$time, $queued->seconds());

	return $t->stop() && $ended ? $time - $queued->seconds() : 1000;
}

###############################################################################
