#!/usr/bin/perl

# Reloads, a killed helper and a killed worker under clients with several
# streams over one socket, which pause, leave, come back and seek meanwhile:
# nothing is lost, doubled or reordered on any stream.

# brokers: kafka mock
# timeout: 180

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use List::Util qw(max);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(amount within);

use constant { CLIENTS => 3, TOPICS => 3, PARTITIONS => 2,
	RATE => amount(200), STEP => 2, TIME => 20 };

my @steps = qw(reload kill reload worker reload kill reload);

my $broker = KafkaWS::Broker->new();
my @topics = map { $broker->create_topic($broker->topic("reload$_"),
	partitions => PARTITIONS) } 0 .. TOPICS - 1;
my $wait = $broker->kind() eq 'mock' ? 5 : 500;

my $t = KafkaWS::Nginx->new(broker => $broker)->plan(14);

$t->allow_alert(qr/exited on signal 9$/);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    # the clients of this test have no time for pings while they wait

    kafka_ws_ping   5m;
    kafka_ws_drain  500ms;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    @topics;
        zone      c 64m;
        ring      1m;
        property  fetch.wait.max.ms $wait;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location = / {
            kafka_ws           c;
            kafka_ws_commands  on;
        }
    }
}

EOT

###############################################################################

my ($records, $closes, $lost, $pauses, $moves) = (0, 0, 0, 0, 0);
my %codes;
my @clients = map { { next => {}, cursor => {} } } 1 .. CLIENTS;

# topics may not be known yet: an error that says to come back

ok(wait_for(within(TIME), sub {
	my $c = KafkaWS::Client->open($t->port(0), '/', commands => 1);

	return @topics == grep { $c->ask(command => 'subscribe',
		topic => $_)->{event} eq 'subscribed' } @topics;
}), 'topics are known');

attach($_) for @clients;

my @bulks = map { $broker->bulk_start($topics[$_], run => "r$_", rate => RATE,
	size => 100, partitions => PARTITIONS,
	seconds => STEP * (@steps + 1)) } 0 .. TOPICS - 1;

my %done;

for my $step (@steps) {
	pump(STEP);
	$done{$step}++ if break_it($step);
}

pump(STEP);

is($done{reload}, 4, 'reloads');
is($done{kill}, 2, 'the helper was killed');
is($done{worker}, 1, 'a worker was killed');

my %acked;

for my $i (0 .. TOPICS - 1) {
	my $result = $bulks[$i]->result();

	$acked{ $topics[$i] } = $result->{acked};
	is($result->{failed}, 0, "topic $i: all produced");
}

my $deadline = now() + within(TIME);

pump(0.2) while now() < $deadline && grep { !whole($_) } @clients;

is(scalar(grep { whole($_) } @clients), CLIENTS,
	'everyone has every record of every topic');
is($lost, 0, 'lost, doubled or reordered');
cmp_ok($closes, '>=', 4 * CLIENTS, 'each reload closed everyone');
is_deeply([grep { $_ ne 1012 && $_ ne 'cut' } keys %codes], [],
	'with 1012, but for the worker');
cmp_ok($pauses, '>', 10, 'streams were paused meanwhile');
cmp_ok($moves, '>', 10, 'and moved');
is(scalar(grep { $_->{c}->ask(command => 'pause',
	topic => $topics[0])->{event} eq 'paused' } @clients), CLIENTS,
	'all are there');

###############################################################################

# a new connection, with all its streams where they were
sub attach {
	my ($client) = @_;
	my $c = KafkaWS::Client->open($t->port(0), '/', commands => 1,
		ready => 20);

	$client->{c} = $c;
	$client->{paused} = undef;
	$client->{left} = {};
	$client->{sought} = {};

	for my $topic (@topics) {
		my $cursor = $client->{cursor}{$topic};

		$c->command(id => "s $topic", command => 'subscribe',
			topic => $topic,
			defined $cursor ? (cursor => $cursor) : ());
	}
}

# reads for so many seconds, comes back wherever it has to
sub pump {
	my ($seconds) = @_;
	my $until = now() + $seconds;
	my $toggle = now() + 0.3;

	while (now() < $until) {
		take($_) for @clients;

		next if now() < $toggle;

		$toggle = now() + 0.3;
		toggle($_) for @clients;
	}

	for my $client (grep { $_->{paused} } @clients) {
		toggle($client);
	}
}

# pauses a stream, and lets it go on the next time; or ends it, to begin where
# the answer says; or goes back in it
sub toggle {
	my ($client) = @_;
	my $c = $client->{c};
	my $topic = $client->{paused} // $topics[rand @topics];

	if ($client->{paused}) {
		$c->command(id => 'r', command => 'resume', topic => $topic);
		$client->{paused} = undef;
		return;
	}

	my $at = $client->{at}{$topic};
	my $what = int rand 4;

	if ($what == 0) {
		$c->command(id => 'u', command => 'unsubscribe',
			topic => $topic);
		$client->{left}{$topic} = 1;
		$moves++;

	} elsif ($what == 1 && $at) {
		my ($p) = keys %$at;

		$c->command(id => 's', command => 'seek', topic => $topic,
			partition => 0 + $p, offset => max(0, $at->{$p} - 20));
		$moves++;

	} else {
		$c->command(id => 'p', command => 'pause', topic => $topic);
		$client->{paused} = $topic;
		$pauses++;
	}
}

sub take {
	my ($client) = @_;
	my $c = $client->{c};
	my $until = now() + 0.05;

	# the others have their turn, however slow this program is

	while (now() < $until && (my $m = eval { $c->next_json(0.005) })) {
		take_record($client, $m) if !defined $m->{event};

		# the places that count are those of what was taken
		diag($c->last_payload()), $lost++
			if ($m->{event} // '') =~ /^(error|gap)$/
			&& ($m->{code} // 0) != 4409;
		$client->{cursor}{ $m->{topic} } = $m->{cursor}
			if defined $m->{cursor} && length $m->{cursor};
		start_of($client, $m) if ($m->{event} // '') eq 'start';

		$client->{sought}{ $m->{topic} } = 1
			if ($m->{event} // '') eq 'sought';
		$c->command(id => 'b', command => 'subscribe',
			topic => $m->{topic}, cursor => $m->{cursor})
			if ($m->{event} // '') eq 'unsubscribed';
	}

	die $@ if $@ && $@ !~ /reset|closed|eof|end/i;

	return unless $c->{close} || $c->eof();

	$codes{ $c->{close} ? $c->{close}[0] : "cut" }++;
	diag("closed: @{ $c->{close} }")
		if $c->{close} && $c->{close}[0] != 1012;
	$closes++;
	attach($client);
}

sub start_of {
	my ($client, $m) = @_;

	my $sought = delete $client->{sought}{ $m->{topic} };

	delete $client->{left}{ $m->{topic} };

	# the producer's numbers are Kafka's offsets here
	for my $start (@{ $m->{partitions} }) {
		my ($p, $offset) = @$start{qw(partition offset)};
		my $next = \$client->{next}{ $m->{topic} }[$p];

		if ($offset != ($$next // 0)
			&& !($sought && $offset < $$next))
		{
			diag("$m->{topic} $p starts at $offset instead of "
				. ($$next // 0));
			$lost++;
		}

		$$next = $offset;
		$client->{at}{ $m->{topic} }{$p} = $offset;
	}

	cursor_of($client, $m->{topic});
}

sub take_record {
	my ($client, $m) = @_;
	my $v = KafkaWS::Broker::parse_value($m->{value})
		// die "damaged: $m->{value}\n";
	my $next = \$client->{next}{ $m->{topic} }[ $m->{partition} ];

	if ($v->{seq} != ($$next // 0)) {
		diag("$m->{topic} $m->{partition}: $v->{seq} instead of "
			. ($$next // 0));
		$lost++;
	}

	$$next = $v->{seq} + 1;
	$records++;
	$client->{at}{ $m->{topic} }{ $m->{partition} } = $m->{offset} + 1;
	cursor_of($client, $m->{topic});
}

sub cursor_of {
	my ($client, $topic) = @_;
	my $at = $client->{at}{$topic};

	$client->{cursor}{$topic} = join ',',
		map { "$_:$at->{$_}" } sort { $a <=> $b } keys %$at;
}

sub whole {
	my ($client) = @_;

	return !%{ $client->{left} } && TOPICS == grep {
		my $sum = 0;
		$sum += $_ // 0 for @{ $client->{next}{$_} // [] };
		$sum == $acked{$_} } @topics;
}

sub break_it {
	my ($step) = @_;

	if ($step eq 'reload') {
		$t->reload();
		pump(1);
		return wait_for(within(TIME), sub { !$t->old_worker_pids() });
	}

	my $pid = $step eq 'kill' ? $t->helper_pid()
		: ($t->worker_pids())[0];

	kill 'KILL', $pid;

	return wait_for(within(TIME), sub {
		my @now = $step eq 'kill' ? $t->helper_pid()
			: $t->worker_pids();

		return @now && !grep { !$_ || $_ == $pid } @now;
	});
}
