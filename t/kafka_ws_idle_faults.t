#!/usr/bin/perl

# "ring ... idle=" while processes die or stand still and nginx is reloaded:
# who is gone keeps no rings, who lives never loses any.

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

use constant { TIME => 20, IDLE => 2 };

my $kafka = KafkaWS::Broker->new();
my $base = $kafka->topic('faults');
my ($one, $two, $three) = map { $kafka->create_topic("$base.$_") }
	qw(one three two);

($one, $three, $two) = map { "$base.$_" } qw(one three two);

my $t = KafkaWS::Nginx->new(broker => $kafka)->plan(37);

$t->allow_alert(qr/process \d+ exited on signal 9$/);

conf('64k idle=' . IDLE . 's');
$t->run();

###############################################################################

ok(wait_for(TIME, sub { status()->{rings}{known} == 3 }), 'topics are known');

# a worker that was killed, and is not even buried: its master is stopped

my $c = started($one);
my ($pid) = $t->worker_pids();

kill 'STOP', $t->master_pid();
kill 'KILL', $pid;
$c->wait_eof(TIME);
sleep 2 * IDLE;
kill 'CONT', $t->master_pid();
ok(wait_for(TIME, sub { my ($now) = $t->worker_pids();
	$now && $now != $pid }), 'another worker');
is(status()->{rings}{given_back}, 1, 'the rings of a worker that was killed');
is(states(), 'idle idle idle', 'none is left');

# the same with a master that starts another one at once, in its slot

$c = started($one);
$kafka->produce($one, 'first');
is($c->next_record(TIME)->{value}, 'first', 'made again');
kill 'KILL', $t->worker_pids();
$c->wait_eof(TIME);
ok(wait_for(TIME, sub { eval { status()->{rings}{given_back} == 2 } }),
	'given back again');

# one that only stands still keeps what it has

$c = started($one);
$pid = ($t->worker_pids())[0];
kill 'STOP', $pid;
sleep 2 * IDLE;
$kafka->produce($one, 'meanwhile');
kill 'CONT', $pid;
is($c->next_record(TIME)->{value}, 'meanwhile', 'a worker that stood still');
is(status()->{rings}{given_back}, 2, 'has kept its rings');
is(join(' ', map { $_->{event} } $c->events), '', 'and was told nothing');

# the helper is killed, again and again: who is there notices nothing, and
# who comes meanwhile gets his rings from the next one

my $d = started($two);
my $late;

for my $n (1 .. 5) {
	my $helper = $t->helper_pid();

	kill 'KILL', $helper;

	# and the one before is gone
	$late = KafkaWS::Client->open($t->port(0), "/$three");

	$kafka->produce($_, "kill $n") for $one, $two;
	is(join(' ', map { $_->next_record(TIME)->{value} } $c, $d),
		"kill $n kill $n", "helper killed, $n: who is there");
	ok($late->wait_event('start', TIME), "helper killed, $n: who comes");
	wait_for(TIME, sub { ($t->helper_pid() // $helper) != $helper });
}

is(status()->{rings}{given_back}, 2, 'nothing is given back');
$late->disconnect();
ok(wait_for(TIME, sub { states() eq 'ok idle ok' }),
	'but what nobody wants any more');

# a reload: rings stay, and what is wanted is wanted in the new worker

my $records = stream($one)->{records};

$t->reload();
is(($c->wait_close(TIME))[0], 1012, 'reload: close');
$d->wait_close(TIME);
$kafka->produce($one, 'reload');
$c = started($one, '?cursor=' . $c->cursor);
is($c->{start}{partitions}[0]{state}, 'resumed', 'reload: resumed');
is($c->next_record(TIME)->{value}, 'reload', 'reload: the next record');
is(stream($one)->{records}, $records + 1, 'reload: nothing is fetched twice');
ok(wait_for(TIME, sub { states() eq 'ok idle idle' }),
	'reload: what nobody came back to');

# a reload without it: all topics have rings

conf('64k', 'kafka_ws_drain 1m;');
$t->reload();
$c->wait_close(TIME);
$c = started($one, '?cursor=' . $c->cursor);
is($c->{start}{partitions}[0]{state}, 'resumed', 'without it: resumed');
ok(wait_for(TIME, sub { states() eq 'ok ok ok' }),
	'without it: all have rings');
$kafka->produce($three, 'there');
ok(wait_for(TIME, sub { stream($three)->{next} == 1 }),
	'without it: all flow');
sleep 2 * IDLE;
is(states(), 'ok ok ok', 'without it: and keep them');

# and with it again, while old workers still serve clients

conf('64k idle=' . IDLE . 's');
$t->reload();
ok(wait_for(TIME, sub { states() eq 'ok idle idle' }),
	'with it again: what nobody wants');

ok(!$c->wait_close(0.1), 'with it again: a client of the old worker');
$kafka->produce($one, 'old');
is($c->next_record(TIME)->{value}, 'old', 'with it again: it flows');
$c->close(1000);
$c->wait_close(TIME);
ok(wait_for(TIME, sub { states() eq 'idle idle idle' }),
	'with it again: until it is gone');

# other rings: all begins anew

$c = started($one);
conf('128k idle=' . IDLE . 's');
$t->reload();
is(($c->wait_close(TIME))[0], 1012, 'other rings: close');
$kafka->produce($one, 'other');
$c = started($one, '?cursor=' . $c->cursor);
is($c->next_record(TIME)->{value}, 'other', 'other rings: the next record');
is(join(' ', sort split ' ', states()), 'idle idle ok', 'other rings: of who '
	. 'came');

###############################################################################

sub conf {
	my ($ring, $more) = @_;

	$more //= 'kafka_ws_drain 0;';

	$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    $more

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    ~^$base\\.;
        zone      c 4m;
        ring      $ring;
        preload   records=10;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location ~ ^/(?<topic>faults.*)\$ {
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

sub status { return $t->status()->{clusters}[0] }

sub topics { return sort { $a->{topic} cmp $b->{topic} }
	@{ status()->{topics} } }

sub states { return join ' ', map { $_->{state} } topics() }

sub stream {
	my ($topic) = @_;

	return (grep { $_->{topic} eq $topic } topics())[0]{partitions}[0];
}

sub started {
	my ($topic, $args) = @_;
	my $c = wait_for(TIME, sub {
		my $r = eval { KafkaWS::Client->connect($t->port(0), "/$topic"
			. ($args // '')) };

		return $r && $r->status == 101 && $r;
	}) or die "$topic does not come up\n";

	$c->{start} = $c->wait_event('start', TIME) or die "no start event\n";

	return $c;
}

###############################################################################
