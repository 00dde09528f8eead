package KafkaWS::BenchTopics;

# Measurements of t/bench/run about topics: the same deliveries, of one topic
# and of thousands that have a client each.

use warnings;
use strict;

use base qw(KafkaWS::BenchFilter);

use Time::HiRes qw(sleep);

use KafkaWS::Bench qw(median);
use KafkaWS::Load qw(cpu_ns);
use KafkaWS::Process qw(now wait_for);

use constant {
	WARM => 1,			# s, not measured
	QUIET => 3,			# s, without records
	PASS => 'ngx_kafka_ws_worker_pass_handler',
};

# Pairs of topics_cpu() for one topic and for more.
# base: by their number; limit: for what the helper takes beside the bare
# consumer; said: a measurement; summary: as of t/bench/run
sub topics_pairs {
	my ($self, $base, $limit, $pairs, $said, $summary) = @_;
	my ($one, $n) = sort { $a <=> $b } keys %$base;
	my (%seen, @own);

	for my $i (1 .. $pairs) {
		for my $topics ($i % 2 ? ($one, $n) : ($n, $one)) {
			my $r = $self->topics_cpu($base->{$topics}, $topics,
				$n, rate => 2000, seconds => 5, size => 128);

			$said->(topics => $topics, %$r);
			push @{ $seen{$topics}{$_} }, $r->{$_} for keys %$r;
		}

		push @own, $seen{$n}{own}[-1] / $seen{$one}{own}[-1];
	}

	for my $who (qw(worker helper bare)) {
		my @of = map { $seen{$_}{$who} } $one, $n;

		$summary->(0, sprintf 'CPU per record, %d clients of one each, '
			. '%s: 1 topic %.0f ns, %d topics %.0f ns, ratio %.2f; '
			. 'a second without records %.1f and %.1f ms', $n,
			$who eq 'bare' ? 'a bare consumer' : $who,
			median(@{ $of[0] }), $n, median(@{ $of[1] }),
			median(map { $of[1][$_] / $of[0][$_] }
				0 .. $#own),
			map { median(@{ $seen{$_}{"quiet_$who"} })
				/ 1e6 } $one, $n);
	}

	my $ratio = median(@own);

	$summary->($ratio > $limit, sprintf 'the helper in times of a bare '
		. 'consumer: 1 topic %.2f, %d topics %.2f; ratio %.2f (limit '
		. '%.1f)', median(@{ $seen{$one}{own} }), $n,
		median(@{ $seen{$n}{own} }), $ratio, $limit);
}

# As many records, each for one client of as many: with several topics each
# client has its own, with one its own key.
# base: their names, but for the number; topics, clients; o: rate, seconds,
# size
# returns: ns of worker, helper and a bare consumer of the same topics for a
# record (worker, helper, bare) and for a second without (quiet_...), helper in
# times of bare (own); records of a batch
sub topics_cpu {
	my ($self, $base, $topics, $clients, %o) = @_;
	my $t = $self->topics_nginx($base, $topics == 1
		? 'kafka_ws_filter key = $arg_k;' : '');

	wait_for(120, sub { (cluster($t)->{rings}{known} // 0) == $topics })
		or die "topics are not known\n";

	my $bare = $self->limit($base, ['--bare', "--topics=$topics"]);
	my $count = $o{rate} * (WARM + $o{seconds});
	my %pid = (worker => ($t->worker_pids())[0],
		helper => $t->helper_pid(), bare => $bare->pid);

	die "no whole number of records for each\n" if $count % $clients;

	my $load = KafkaWS::Load->start(port => $t->port(0), drain => 1,
		uri => $topics == 1 ? '/?t=0&k=k' : '/?t=', topics => $clients,
		connections => $clients, frames => $count / $clients,
		seconds => 180);

	# handshakes are done; what they left to do is not to be counted
	sleep 1;

	my %quiet = spent(\%pid, sub { sleep QUIET });
	my $bulk = $self->{broker}->bulk_start($base, run => $self->{run},
		topics => 1, count => $count, rate => $o{rate},
		size => $o{size}, $topics == 1 ? (keys => $clients)
		: (partitions => $topics));

	sleep WARM;
	kill 'USR1', $bare->pid;

	my $since = cluster($t);
	my %ns = spent(\%pid, sub { $load->enough(120)
		or die "records do not come\n" });
	my $now = cluster($t);
	my $n = $now->{frames} - $since->{frames};
	my $r = $load->result(60);

	$bulk->result();

	my $floor = KafkaWS::Bench::ended($bare);

	$t->stop();

	die "clients: $r->{text}\n" if $r->{exit} || $r->{frames} != $count;

	return { map({ $_ => $ns{$_} / $n, "quiet_$_" => $quiet{$_} / QUIET }
		keys %pid), own => $ns{helper} / $ns{bare}, records => $n,
		bare_batch => $floor->{records}
		/ $floor->{batches}, helper_batch => $n
		/ ($now->{batches} - $since->{batches}) };
}

# Says each count, by a sub.  What is done now and then, with or without
# records, is taken off by as many seconds without.
# returns: instructions of the worker's passes for a record
sub topics_instructions {
	my ($self, $base, $n, $said) = @_;
	my %run = (topics => $n, active => $n < 100 ? $n : 100, seconds => 20,
		size => 128);
	my $records = 160;

	for my $try (1 .. 3) {
		my @r = map { $self->topics_callgrind($base, %run,
			records => $_) } 0, $records;
		my %per = map { $_ => ($r[1]{$_} - $r[0]{$_}) / $records }
			qw(worker reads);

		$said->(%run, records => $records, map({ $_ => sprintf('%.2f',
			$per{$_}) + 0, "quiet_$_" => $r[0]{$_} } keys %per));

		# with a topic for each they cannot share a send
		return $per{worker} if $n > 1 || $per{reads} >= 0.95;
	}

	die "several frames in one send\n";
}

# A client for each topic; for so many seconds records one at a time, to some
# of the topics in turn.
# o: topics, active, records, seconds, size
# returns: { worker, reads }: its instructions in passes, and clients' reads
sub topics_callgrind {
	my ($self, $base, %o) = @_;
	my $t = $self->topics_nginx($base, '', KafkaWS::Bench::CALLGRIND,
		'--trace-children=yes', '--toggle-collect=' . PASS);
	my %load = (port => $t->port(0), uri => '/?t=', drain => 1,
		seconds => 600, ready_in => 300);

	# refusals while the topics are not known yet
	KafkaWS::Load->start(%load, topics => 1, connections => 1)->stop();

	my $load = KafkaWS::Load->start(%load, topics => $o{topics},
		connections => $o{topics});
	my $since = now();

	$self->{broker}->produce_bulk($base, run => $self->{run}, topics => 1,
		partitions => $o{active}, count => $o{records},
		rate => $o{records} / $o{seconds}, size => $o{size})
		if $o{records};

	sleep $since + $o{seconds} + KafkaWS::Bench::SETTLE - now();

	my $r = $load->stop();

	die "clients of callgrind: $r->{text}\n"
		if $r->{exit} || $r->{frames} != $o{records};
	die "nginx does not stop under callgrind\n" unless $t->stop();

	return { worker => $t->counted(PASS),
		reads => $r->{reads} };
}

# without "idle=", so that all are consumed; the address names the topic
sub topics_nginx {
	my ($self, $base, $location, @prefix) = @_;

	$self->{run} = 'bench' . ++$self->{runs};

	local @$self{qw(zone ring)} = ('400m', '64k; preload off');

	return $self->nginx("~^$base\\.", "kafka_ws_format text; "
		. "kafka_ws_topic $base.\$arg_t; $location", @prefix);
}

# returns: CPU time of processes while a sub runs, in ns, by name
sub spent {
	my ($pid, $sub) = @_;
	my %before = map { $_ => cpu_ns($pid->{$_}) } keys %$pid;

	$sub->();

	return map { $_ => cpu_ns($pid->{$_}) - $before{$_} } keys %$pid;
}

sub cluster { return $_[0]->status()->{clusters}[0] }

1;
