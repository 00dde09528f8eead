package KafkaWS::BenchFilter;

# Measurements of t/bench/run about filters and partitions: what a token costs
# that is one client's alone, and a record that nobody wants.

use warnings;
use strict;

use base qw(KafkaWS::Bench);

use File::Temp ();
use Time::HiRes qw(sleep);

use KafkaWS::Load qw(cpu_ns);
use KafkaWS::Nginx;
use KafkaWS::Ports;
use KafkaWS::Process;

use constant {
	FILTER => 'kafka_ws_filter key = $arg_u;',
	PARTITIONS => 4,		# of tokens
	WARM => 2,			# s, not measured
};

# Tokens: records of as many keys as there are clients, each of which has one
# and must get its records alone.
# server: nginx or limit; o: clients, rate, seconds, size, location (more of
# it), raw (bare values)
# returns: { tokens, ns (of each), helper_ns, worker_ns, system (the kernel's
# share), batch (tokens that were consumed at once), client, bare (latency of
# clients and of a bare consumer) }
sub tokens {
	my ($self, $server, %o) = @_;

	local @$self{qw(workers partitions ring)} = (2, PARTITIONS, '8m');
	local $self->{limit} = ['--keys', $o{raw} ? '--raw' : ()];

	my $topic = $self->topic();
	my ($port, $stop, $pids, $workers, $batches) = $self->start($server,
		$topic, FILTER . ($o{location} // ''));
	my $bare = $self->limit($topic, ['--bare']);
	my $count = $o{rate} * (WARM + $o{seconds});

	my $load = KafkaWS::Load->start(port => $port, raw => $o{raw},
		connections => $o{clients}, owners => $o{clients},
		run => $self->{run}, partitions => PARTITIONS,
		records => $count / PARTITIONS, seconds => 120,
		linger_ms => 1000);

	# handshakes are done; what they left to do is not to be counted
	sleep 0.5;

	my $bulk = $self->{broker}->bulk_start($topic, run => $self->{run},
		owner => 1, keys => $o{clients}, partitions => PARTITIONS,
		count => $count, rate => $o{rate}, size => $o{size});

	sleep WARM;
	$load->lap();
	kill 'USR1', $bare->pid, $server eq 'nginx' ? () : @$pids;

	my @begin = (usage($pids, $workers), $batches->());

	$load->enough(60) or die "tokens of $server do not come\n";

	my @end = (usage($pids, $workers), $batches->());
	my $lap = $load->lap();
	my $r = $load->result(60);
	my $floor = KafkaWS::Bench::ended($bare);

	$bulk->result();

	my $report = $stop->();

	die "clients of $server: $r->{text}\n"
		if $r->{exit} || $r->{records} != $count || $r->{reconnects};

	my @used = map { ($end[$_] - $begin[$_]) / $lap->{n} } 0 .. $#end;

	return { tokens => $lap->{n}, ns => $used[0], worker_ns => $used[1],
		helper_ns => $used[0] - $used[1],
		system => $used[3] / ($used[2] + $used[3]),
		batch => ref $report ? $report->{records} / $report->{batches}
			: 1 / $used[4],
		client => $lap, bare => $floor->{latency_us} };
}

# CPU time of all of a server and of its workers, then of all of it again, in
# and out of the kernel, by the clock
sub usage {
	my ($pids, $workers) = @_;
	my @ticks = (0, 0);

	for my $pid (@$pids) {
		my ($user, $system) = (split ' ',
			KafkaWS::Nginx::read_file("/proc/$pid/stat")
			=~ s/.*\) //sr)[11, 12];

		$ticks[0] += $user;
		$ticks[1] += $system;
	}

	return (cpu_ns(@$pids), cpu_ns(@$workers), @ticks);
}

# User instructions of tokens that come as they do at rate, but slower: as
# many at a time.  o: clients, tokens, burst, rate, size
# returns: { workers, helper } or { limit }, of one life
sub tokens_callgrind {
	my ($self, $server, %o) = @_;

	local @$self{qw(workers partitions ring)} = (2, PARTITIONS, '8m');
	local $self->{limit} = ['--keys'];

	my $topic = $self->topic();
	my ($t, $p, $port, $out);

	if ($server eq 'nginx') {
		$t = $self->nginx($topic, FILTER,
			KafkaWS::Bench::CALLGRIND, '--trace-children=yes');
		$port = $t->port(0);

		# refusals while the topic is not known must not be counted
		KafkaWS::Load->start(port => $port, connections => 1,
			uri => '/?u=x', drain => 1, seconds => 120,
			ready_in => 120)->stop();

	} else {
		$port = KafkaWS::Ports::reserve();
		$out = File::Temp->new();
		$p = $self->limit($topic, ["--port=$port", '--keys'],
			KafkaWS::Bench::CALLGRIND,
			"--callgrind-out-file=$out");
	}

	my $load = KafkaWS::Load->start(port => $port, run => $self->{run},
		connections => $o{clients}, owners => $o{clients},
		partitions => PARTITIONS, seconds => 300, ready_in => 120,
		records => $o{tokens} / PARTITIONS);

	$self->{broker}->produce_bulk($topic, run => $self->{run}, owner => 1,
		keys => $o{clients}, partitions => PARTITIONS,
		count => $o{tokens}, rate => $o{rate}, burst => $o{burst},
		size => $o{size});

	my $r = $load->result(300);

	die "clients of $server: $r->{text}\n" if $r->{exit};

	if ($p) {
		KafkaWS::Bench::ended($p);

		return { limit => KafkaWS::Nginx::read_file("$out")
			=~ /^(?:totals|summary): (\d+)/m ? $1
			: die "no count of limit\n", reads => $r->{reads} };
	}

	die "nginx does not stop under callgrind\n" unless $t->stop();

	return { reads => $r->{reads},
		workers => $t->counted('ngx_kafka_ws_subscriber_', 2),
		helper => $t->counted('ngx_kafka_ws_ingest_') };
}

# A worker with subscribers who want none of the records that come, but one of
# them the last.
# o: filter (behind "key"; its value is $arg_v$arg_u), crowd (so many
# subscribers beside that one, of values of their own), records, rate, burst,
# size; callgrind
# returns: { cost, passes }: instructions of its life, or ns
sub unwanted {
	my ($self, %o) = @_;
	my $b = $self->{broker};

	local $self->{ring} = '8m';

	my $topic = $self->topic();
	my $t = $self->nginx($topic, "kafka_ws_filter key $o{filter};",
		$o{callgrind} ? (KafkaWS::Bench::CALLGRIND,
		'--trace-children=yes') : ());
	my %load = (port => $t->port(0), drain => 1, connections => 1,
		uri => '/?v=w&u=anted', seconds => 300, ready_in => 120);

	# refusals while the topic is not known must not be counted
	KafkaWS::Load->start(%load)->stop();

	my $crowd = $o{crowd} ? KafkaWS::Load->start(%load, uri => '/?v=x',
		connections => $o{crowd}, owners => $o{crowd}) : undef;
	my $load = KafkaWS::Load->start(%load, frames => 2);
	my ($worker) = $o{callgrind} ? () : $t->worker_pids();

	sleep 0.5;

	my $before = passes($t);
	my $begin = $worker ? cpu_ns($worker) : 0;

	$b->produce_bulk($topic, run => $self->{run}, keys => 1000,
		count => $o{records}, rate => $o{rate}, burst => $o{burst},
		size => $o{size}) if $o{records};

	# in its order behind them
	$b->produce($topic, { key => 'wanted', value => 'the last' });

	$load->enough(300) or die "the last record does not come\n";

	my $cost = $worker ? cpu_ns($worker) - $begin : 0;
	my $passes = passes($t) - $before;
	my $frames = $load->result(60)->{frames};

	$frames += $crowd->stop()->{frames} - $o{crowd} if $crowd;

	die "a record came that nobody wants\n" if $frames != 2;
	die "nginx does not stop\n" unless $t->stop();

	return { passes => $passes, cost => $worker ? $cost
		: $t->counted('ngx_kafka_ws_subscriber_') };
}

sub passes {
	my ($t) = @_;

	return $t->status()->{clusters}[0]{passes};
}

1;
