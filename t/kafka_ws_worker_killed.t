#!/usr/bin/perl

# A worker is killed in flow: only its clients notice, and resume.

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

use constant { TIME => 10, CLIENTS => 8, PARTITIONS => 2 };

my $kafka = KafkaWS::Broker->new();
my $topic = $kafka->create_topic($kafka->topic('killed'),
	partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $kafka)->plan(15 + CLIENTS);

$t->allow_alert(qr/worker process \d+ exited on signal 9$/);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%% reuseport;

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

my @c = map { started('/') } 1 .. CLIENTS;
my @next;

# the kernel gives each to a worker of its choice

for (1 .. 100) {
	last if both();

	(shift @c)->disconnect();
	push @c, started('/');
}

die "all clients on one worker\n" unless both();

my $helper = $t->helper_pid();
my $epoch = status()->{epoch};
my $bulk = $kafka->bulk_start($topic, run => 'killed', rate => 200, size => 100,
	partitions => PARTITIONS, seconds => 60);

# the one that has more, twice

for my $n (1, 2) {
	flow($_, 20) for 0 .. $#c;

	my @pids = $t->worker_pids();
	my @count = $t->connections(\@pids);
	my ($most) = sort { $count[$b] <=> $count[$a] } 0 .. $#pids;
	my ($pid, $had) = ($pids[$most], $count[$most]);

	kill 'KILL', $pid;

	ok(wait_for(TIME, sub {
		my @now = $t->worker_pids();

		return @now == 2 && !grep { $_ == $pid } @now;
	}), "kill $n: a new worker");

	wait_for(TIME, sub { $had == grep { $_->wait_eof(0.01) } @c });

	my ($lost, $closed) = (0, 0);

	for my $i (0 .. $#c) {
		flow($i, $c[$i]->eof ? 1e9 : 40);
		next unless $c[$i]->eof;

		$lost++;
		$closed++ if $c[$i]{close};
		$c[$i] = started('/?cursor=' . $c[$i]->cursor);
	}

	is($lost, $had, "kill $n: only its clients notice");
	is($closed, 0, "kill $n: which had no time for a close");
	is($t->helper_pid(), $helper, "kill $n: the helper goes on");
	is(status()->{connections}, CLIENTS, "kill $n: connections");
}

# both at once

kill 'KILL', $t->worker_pids();
ok(scalar(grep { defined $_->wait_eof(TIME) } @c) == CLIENTS,
	'all workers killed');

for my $i (0 .. $#c) {
	flow($i, 1e9);		# what came before the end
	wait_for(TIME, sub { eval {
		$c[$i] = started('/?cursor=' . $c[$i]->cursor) } });
	flow($i, 20);
}

is(status()->{connections}, CLIENTS, 'all are back');
is(status()->{epoch}, $epoch, 'one writer all the time');
is($t->helper_pid(), $helper, 'one helper');
is(status()->{gaps}, 0, 'no gaps');

my $total = $bulk->stop()->{acked};

for my $i (0 .. $#c) {
	my $seen = 0;

	$seen += $_ // 0 for @{ $next[$i] };
	is($seen + flow($i, $total - $seen), $total,
		"client $i: every record, once, in order");
}

###############################################################################

sub started {
	my ($uri) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri);

	$c->wait_event('start', 10) or die "no start event\n";

	return $c;
}

# Reads so many records, or up to the end; dies unless each is the next one
# of its partition.
# returns: how many came
sub flow {
	my ($i, $count) = @_;
	my $n = 0;

	while ($n < $count) {
		my $r = $c[$i]->next_record(TIME) or last;
		my $v = KafkaWS::Broker::parse_value($r->{value})
			// die "damaged: $r->{value}\n";
		my $next = $next[$i][ $v->{partition} ] // 0;

		die "client $i, partition $v->{partition}: $v->{seq} instead"
			. " of $next\n" if $v->{seq} != $next;
		$next[$i][ $v->{partition} ] = $next + 1;
		$n++;
	}

	return $n;
}

sub both { return !grep { !$_ } $t->connections([$t->worker_pids()]) }

sub status { return $t->status()->{clusters}[0] }

###############################################################################
