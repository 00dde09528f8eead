#!/usr/bin/perl

# A helper that waits for the one before it, which is stopped, does not look
# for questions about older records without end: it sleeps.

# brokers: kafka

###############################################################################

use warnings;
use strict;

use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Load qw(cpu_ns);
use KafkaWS::Nginx;
use KafkaWS::Pace qw(unmeasured);
use KafkaWS::Process qw(now wait_for);

use constant SHARE => 0.3;		# of a processor; 1 without the wait

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('waits'));

$b->produce($topic, map { "$_ " . 'x' x 1000 } 0 .. 299);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(4);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 8m;
        ring     64k;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws        c;
            kafka_ws_start  earliest;
        }
    }
}

EOT

###############################################################################

# there has been a question

my $c = KafkaWS::Client->open($t->port(0), '/');

is($c->next_record(10)->{offset}, 0, 'older records');
$c->disconnect();

my $old = $t->helper_pid();

kill 'STOP', $old;
$t->reload();

my $new;

ok(wait_for(10, sub { $new = $t->helper_pid(); $new && $new != $old }),
	'another helper');

# it has started, and waits
sleep 1;

my ($since, $cpu) = (now(), cpu_ns($new));

sleep 2;

my $share = (cpu_ns($new) - $cpu) / 1e9 / (now() - $since);

kill 'CONT', $old;

SKIP: {
	unmeasured(1);
	cmp_ok($share, '<', SHARE, 'it sleeps while it waits');
}

$c = KafkaWS::Client->open($t->port(0), '/');
is($c->next_record(10)->{offset}, 0, 'and then goes on');
