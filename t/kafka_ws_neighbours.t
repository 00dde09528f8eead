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

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);

use constant { TIME => 60, SLOW => 2 };

my $b = KafkaWS::Broker->new(own => 1);
my $topic = $b->create_topic($b->topic('near'), partitions => 2);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(19);

$t->allow_alert(qr/cache manager process \d+ exited on signal 9$/);

$t->write_file('file.html', 'static');
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

        location /proxy/ {
            proxy_pass  http://127.0.0.1:%%PORT_1%%/;
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_1%%;

        location / {
            return  200 "proxied";
        }
    }
}

EOT

###############################################################################

my ($prober, $results) = probe();
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

kill 'TERM', $prober;
waitpid $prober, 0;
is($?, 0, 'the prober itself');

###############################################################################

# Something happens; the neighbours serve meanwhile, and in time.
sub check {
	my ($name, $sub) = @_;

	# what is under way began before
	next_probes(2);

	ok($sub->(), "$name: happened");

	my @r = next_probes(2);
	my @bad = grep { $_->[1] ne 'ok' } @r;
	my @slow = grep { $_->[0] > within(SLOW) } @r;

	is(scalar @bad, 0, "$name: neighbours answer")
		or diag(join "\n", map { $_->[1] } @bad[0 .. 0]);
	is(scalar @slow, 0, "$name: in time")
		or diag(join ' ', map { $_->[0] } @slow);
}

# returns: [seconds, "ok" or what was wrong] of the probes since the last
# call, once there are so many more of them
sub next_probes {
	my ($more) = @_;
	my @lines;

	wait_for(30, sub { @lines = new_lines($more) })
		or die "the prober hangs\n";

	return map { [split / /, $_, 2] } @lines;
}

my ($taken, $wanted);

sub new_lines {
	my ($more) = @_;
	my @all = split /\n/, KafkaWS::Nginx::read_file($results);

	$wanted //= @all + $more;
	return if @all < $wanted;

	my @new = @all[$taken // 0 .. $#all];

	($taken, $wanted) = (scalar @all, undef);

	return @new;
}

# Asks both sites, again and again.
# returns: its pid, and the file with a line for each answer
sub probe {
	my $file = $t->testdir . '/probes';
	my %sites = ('/file.html' => 'static', '/proxy/' => 'proxied');

	$t->write_file('probes', '');

	my $pid = fork() // die "fork: $!\n";

	return ($pid, $file) if $pid;

	my $stop = 0;

	$SIG{TERM} = sub { $stop = 1 };
	open my $f, '>>', $file or POSIX::_exit(1);
	$f->autoflush(1);

	my $parent = getppid();

	while (!$stop && getppid() == $parent) {
		for my $uri (sort keys %sites) {
			my $since = now();
			my $r = eval { $t->http_get($uri, timeout => 10) };
			my $said = !$r ? $@ : $r->status == 200
				&& $r->body eq $sites{$uri} ? 'ok'
				: $uri . $r->raw;

			$said =~ tr/\n/ /;
			printf $f "%.3f %s\n", now() - $since, $said;
		}

		sleep 0.01;
	}

	POSIX::_exit(0);
}

sub started {
	my $c = KafkaWS::Client->open($t->port(0), '/ws', ready => TIME);

	$c->wait_event('start', 10);

	return $c;
}

sub cluster { return $t->status()->{clusters}[0] }

###############################################################################
