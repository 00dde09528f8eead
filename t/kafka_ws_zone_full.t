#!/usr/bin/perl

# Topics that do not fit into the zone: each is refused with one line in the
# log and its state; the others flow.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);

use constant TIME => 15;

my $b = KafkaWS::Broker->new();
my $base = $b->topic('full');
my $small = $b->create_topic("$base-small", partitions => 2);
my $big = $b->create_topic("$base-big", partitions => 40);
my $other = $b->create_topic("$base-other", partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(23);

conf('4m');
$t->run();

###############################################################################

ok(wait_for(TIME, sub { (states()->{$big} // '') eq 'no_memory' }),
	'state of the big topic');

my $r = KafkaWS::Client->connect($t->port(0), "/$big");

is($r->status, 503, 'it is refused');
is($r->header('Retry-After'), 1, 'with when to come back');
is($r->body, "no room for this topic\n", 'and why');

wait_for(TIME, sub { lines($big) });

my ($line) = lines($big);

like($line, qr/\[error\] .*cluster "c": zone "c" is full: topic "$big" is /,
	'log');
like($line, qr/refused, its 40 partitions need [1-9]\d*k more than there is/,
	'log: how much is missing');

my @c = map { started($_) } $small, $other;

is(states()->{$small}, 'ok', 'state of a small topic');
$b->produce($_, { partition => 1, value => $_ }) for $small, $other;
is(($c[0]->records(1, TIME))[0]{value}, $small, 'a small topic flows');
is(($c[1]->records(1, TIME))[0]{value}, $other, 'another one, too');

# one that comes later does not fit, either

my $late = $b->create_topic("$base-late", partitions => 41);

ok(wait_for(TIME, sub { (states()->{$late} // '') eq 'no_memory' }),
	'state of a topic that came later');
is(KafkaWS::Client->connect($t->port(0), "/$late")->status, 503,
	'it is refused');

wait_for(TIME, sub { lines($late) });

# and one that does

my $fits = $b->create_topic("$base-fits", partitions => 1);

ok(wait_for(TIME, sub { (states()->{$fits} // '') eq 'ok' }),
	'state of a small one that came later');
$b->produce($fits, 'fits');

my $new = started($fits, '?cursor=0:0');

is(($new->records(1, TIME))[0]{value}, 'fits', 'it flows');

# Kafka was asked again and again meanwhile

is(scalar(lines($big)), 1, 'one line for the big topic');
is(scalar(lines($late)), 1, 'one line for the late topic');
is(status()->{refusals}{no_memory}, 2, 'refusals are counted');
ok(status()->{zone}{free} > 0, 'their memory is free again');
$b->produce($small, { partition => 0, value => 'on' });
is(($c[0]->records(1, TIME))[0]{value}, 'on', 'the small topics flow on');

# another helper knows it, too

my $helper = $t->helper_pid();

$t->allow_alert(qr/cache manager process \d+ exited on signal 9$/);
kill 'KILL', $helper;
wait_for(TIME, sub { status()->{helper_pid} != $helper });
$b->produce($small, { partition => 0, value => 'after' });
is(($c[0]->records(1, TIME))[0]{value}, 'after', 'another helper goes on');
is(states()->{$big}, 'no_memory', 'and refuses as before');

# a bigger zone

conf('32m');
$t->reload();
ok(wait_for(TIME, sub { (states()->{$big} // '') eq 'ok' }),
	'a bigger zone has room');

my $c = started($big);

$b->produce($big, { partition => 39, value => 'big' });
is(($c->records(1, TIME))[0]{value}, 'big', 'and the big topic flows');
is($c->{start}{partitions}[39]{partition}, 39, 'with all partitions');

###############################################################################

sub conf {
	my ($zone) = @_;

	$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    ~^$base-;
        zone      c $zone;
        ring      128k;
        preload   records=10;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location ~ ^/(?<topic>full-.*)\$ {
            kafka_ws        c;
            kafka_ws_topic  \$topic;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT
}

sub started {
	my ($topic, $args) = @_;
	my $c = KafkaWS::Client->open($t->port(0), "/$topic" . ($args // ''));

	$c->{start} = $c->wait_event('start', 10);

	return $c;
}

sub lines {
	my ($topic) = @_;

	return grep { /is full: topic "\Q$topic\E"/ } split /\n/, $t->log();
}

sub status { return $t->status()->{clusters}[0] }

sub states {
	return { map { $_->{topic} => $_->{state} } @{ status()->{topics} } };
}

###############################################################################
