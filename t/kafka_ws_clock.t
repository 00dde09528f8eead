#!/usr/bin/perl

# The wall clock is set back by an hour, and forth by two, in flow: no
# connection is closed, no time runs out, and none stands still.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Time::HiRes qw(sleep);
use Time::Local ();

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Flow;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(tool);
use KafkaWS::Waited;

use constant { TIME => 10, CLIENTS => 4, PARTITIONS => 2, HOUR => 3600 };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('clock'), partitions => PARTITIONS);
my $late = $b->topic('clock-late');

my $t = KafkaWS::Nginx->new(broker => $b, preload => tool('clock.so'));

$t->{env}{TEST_CLOCK_FILE} = $t->testdir() . '/clock';
$t->plan(9 + 3 * 10);
$t->allow_alert(qr/cache manager process \d+ exited on signal 9$/);
$t->write_file('clock', pack 'q', 0);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_ping  200ms timeout=@{[ within(20) ]}s;
    kafka_ws_slow  close lag=@{[ within(20) ]}s;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic ~^$late;
        zone      c 64m;
        preload   records=1000;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws        c;
            kafka_ws_topic  $topic;
        }

        location ~ ^/late/(.*)\$ {
            kafka_ws        c;
            kafka_ws_topic  \$1;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }
}

EOT

###############################################################################

my $flow = KafkaWS::Flow->new($t, clients => CLIENTS);

# with nothing to do: what waits for something waits no longer for it

wait_for(TIME, sub { status()->{broker}{state} eq 'up' });

# again and again: whatever happens to come ends a wait

for my $n (1 .. 4) {
	set(-HOUR * $n);
	beats("idle, back by $n: the heart beats");
}

late('idle, back', 'idle');
set(0);

# and in flow

my $bulk = $b->bulk_start($topic, run => 'clock', rate => 100, size => 100,
	partitions => PARTITIONS, seconds => 120);

is($flow->read(20), 20, 'flow');

step('back', -HOUR);
step('forth', HOUR);
step('right again', 0);

is_deeply([$flow->lost()], [], 'no connection was closed');
is($flow->finish($bulk->stop()->{acked}), CLIENTS,
	'every record, once, in order');
is(status()->{gaps} + status()->{lapped} + status()->{slow}, 0,
	'no gaps, nobody slow');

###############################################################################

# Sets the clock, and sees that all goes on that depends on time.
sub step {
	my ($name, $off) = @_;
	my $epoch = status()->{epoch};
	my $c = ($flow->clients())[0];
	my $pings = $c->{pings};

	set($off);

	my $set = now();

	ok(wait_for(TIME, sub { abs(date() - time() - $off) <= 2 }),
		"$name: nginx has it");
	is($flow->read(100), 100, "$name: streams go on");
	cmp_ok(now() - $set, '<', within(6), "$name: at the same pace");
	cmp_ok($c->wait_pings($pings + 5, TIME), '>=', $pings + 5,
		"$name: pings");
	beats("$name: the helper's heart beats");
	is($flow->back(1), 1, "$name: a client comes and resumes");

	late($name, $off + HOUR);

	# another helper, with the clock as it is

	my $old = status()->{helper_pid};

	kill 'KILL', $old;
	ok(wait_for(TIME, sub { status()->{helper_pid} != $old }),
		"$name: another helper");
	is($flow->read(50), 50, "$name: streams go on with it");
	is(status()->{epoch}, $epoch + 1, "$name: one writer after the other");
}

# within a second from now on, which begins once more if it was lost
sub beats {
	my ($name) = @_;
	my $queued = KafkaWS::Waited->new(status()->{helper_pid});
	my $since = now();
	my ($waited, $age);

	do {
		sleep 0.01;
		$waited = now() - $since;
		$age = status()->{heartbeat_age_ms} / 1000;
	} until $age < $waited
		|| $waited - $queued->seconds() > within(1);

	cmp_ok($age, '<', $waited, $name);
}

sub set {
	my ($off) = @_;

	# in place: nginx has the file in its memory
	open my $f, '+<', $t->testdir() . '/clock' or die "clock: $!\n";
	syswrite $f, pack 'q', $off;
	close $f;
}

# A topic is made, which the helper looks for every 3 s.
sub late {
	my ($name, $suffix) = @_;
	my $new = $b->create_topic("$late-$suffix");

	$b->produce($new, 'late');

	# until then it is 404

	my $c = wait_for(TIME, sub { eval { KafkaWS::Client->open($t->port(0),
		"/late/$new?cursor=0:0") } });

	is($c && ($c->records(1, TIME))[0]{value}, 'late',
		"$name: a new topic");
}

# the time that nginx says it is
sub date {
	my %month = map { (qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov
		Dec))[$_] => $_ } 0 .. 11;
	my ($day, $m, $year, @time) = $t->http_get('/none')->header('Date')
		=~ /, (\d+) (\w+) (\d+) (\d+):(\d+):(\d+) GMT/;

	return Time::Local::timegm(reverse(@time), $day, $month{$m}, $year);
}

sub status { return $t->status()->{clusters}[0] }

###############################################################################
