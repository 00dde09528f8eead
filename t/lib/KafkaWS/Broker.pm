package KafkaWS::Broker;

# The brokers behind one interface: Apache Kafka and librdkafka's mock.
#
#	my $b = KafkaWS::Broker->new();		# the suite's, or one's own
#	my $t = $b->create_topic($b->topic('prices'), partitions => 4);
#	my $offset = $b->produce($t, { key => 'a', value => 'b' });
#
# new: kind => 'kafka' or 'mock' (TEST_KAFKA_WS_BROKER), nodes => N,
# own => 1 (never the suite's shared broker: needed to stop it),
# metrics => 1, config => ['name=value', ...] (Kafka's server.properties)

use warnings;
use strict;

use Compress::Zlib ();
use HTTP::Tiny;
use JSON::PP ();
use Time::HiRes qw(time);

use KafkaWS::Leader;
use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(root wait_for);

# what only one of them can show; see has()
my %features = (
	kafka => { map { $_ => 1 } qw(delete_topic add_partitions
		delete_records isolation times metrics pause retention
		leader) },
	mock => { map { $_ => 1 } qw(errors rtt leader) },
);

my $count = 0;

sub new {
	my ($class, %o) = @_;
	my $self = bless { nodes => 1, %o }, $class;

	$self->{kind} //= $ENV{TEST_KAFKA_WS_BROKER} // default_kind();
	die "unknown kind of broker: $self->{kind}\n"
		unless $features{ $self->{kind} };

	my $shared = $ENV{TEST_KAFKA_WS_BOOTSTRAP};

	if ($self->{kind} eq 'kafka' && $shared && !$self->{own}
		&& $self->{nodes} == 1)
	{
		$self->{bootstrap} = $shared;
		$self->{metrics_at} = $ENV{TEST_KAFKA_WS_METRICS};
		return $self;
	}

	$self->start();

	return $self;
}

sub default_kind {
	my $java = grep { -x "$_/java" } split /:/, $ENV{PATH};

	return $java && -f root() . '/t/broker/kafka/lib/.complete'
		? 'kafka' : 'mock';
}

sub start {
	my ($self) = @_;
	my @command;

	if ($self->{kind} eq 'kafka') {
		@command = (root() . '/t/broker/kafka/run',
			"--nodes=$self->{nodes}",
			$self->{metrics} ? '--metrics' : (),
			map { "--config=$_" } @{ $self->{config} // [] });

	} else {
		@command = (KafkaWS::Process::tool('kafka_mock'),
			"--brokers=$self->{nodes}");
	}

	my $log = $ENV{TEST_KAFKA_WS_BROKER_LOG} // '/dev/null';

	# Perl's END has time to end the nodes
	my $p = KafkaWS::Process->start(command => \@command, pipe => 1,
		log => $log, death => 'TERM');

	my $line = $p->line(180) // '';

	die "broker $self->{kind} does not start: \"$line\"\n"
		unless $line =~ /^ready (\S+)(?: metrics=(\S+))?$/;

	$self->{bootstrap} = $1;
	$self->{metrics_at} = $2;
	$self->{process} = $p;
	$self->{owner} = $$;
}

# ends the broker for good, if it is one's own
sub stop {
	my ($self) = @_;

	for my $p (grep { $_ } delete @$self{qw(tool process)}) {
		$p->stop('TERM', 60);
	}
}

sub DESTROY {
	my ($self) = @_;

	local ($@, $?);
	$self->stop() if ($self->{owner} // 0) == $$;
}

sub kind { return $_[0]->{kind} }

sub bootstrap { return $_[0]->{bootstrap} }

sub has {
	my ($self, $feature) = @_;

	return $features{ $self->{kind} }{$feature} // 0;
}

# Nodes count from 1.  how: "stop" in order, "kill", or "pause" (frozen, its
# sockets stay); the mock has one way: it cuts and refuses connections.
sub down {
	my ($self, $node, $how) = @_;

	$self->control($self->{kind} eq 'mock' ? 'down ' . ($node // -1)
		: ($how // 'stop') . ' ' . ($node // 1));
}

sub up {
	my ($self, $node) = @_;

	$self->control('up ' . ($node // ($self->{kind} eq 'mock' ? -1 : 1)));
}

# a command to the broker's own program, see kafka/run and kafka_mock.c
sub control {
	my ($self, $command) = @_;

	die "\"$command\" on a shared broker: say own => 1\n"
		unless $self->{process};

	return $self->{process}->ask($command, 180);
}

# returns once it is the leader for all that is known
sub leader {
	my ($self, $topic, $partition, $node) = @_;

	return $self->control("leader $topic $partition $node")
		if $self->{kind} eq 'mock';

	KafkaWS::Leader::move((split /,/, $self->{bootstrap})[0], $topic,
		$partition, $node, [1 .. $self->{nodes}]);
	wait_for(20, sub { $self->leaders($topic)->{$partition} == $node })
		or die "$topic: $node does not become the leader\n";
}

# faults of the mock
sub rtt { $_[0]->control("rtt $_[1] $_[2]") }
sub error { my $self = shift; $self->control("error @_") }
sub clear_errors { $_[0]->control("clear $_[1]") }
sub topic_error { $_[0]->control("topic-error $_[1] $_[2]") }

# a name that no other test uses
sub topic {
	my ($self, $base) = @_;

	return sprintf '%s-%x-%x-%d', $base, $$, time() * 1000, ++$count;
}

# opt: partitions, replication, config => { name => value }
# returns: the name, once every partition has a leader
sub create_topic {
	my ($self, $topic, %o) = @_;
	my $n = $o{partitions} // 1;
	my @more = defined $o{replication} ? $o{replication} : ();

	if ($self->{kind} eq 'mock') {
		$self->control("create $topic $n @more");
		$self->ask("wait $topic $n");

	} else {
		my $config = $o{config} // {};

		$self->ask(join ' ', 'create', $topic, $n, @more,
			map { "$_=$config->{$_}" } sort keys %$config);
	}

	return $topic;
}

# topics BASE.0 and so on, with a partition each; returns: their names
sub create_topics {
	my ($self, $base, $count) = @_;
	my @names = map { "$base.$_" } 0 .. $count - 1;

	if ($self->{kind} eq 'mock') {
		$self->control("create $_ 1") for @names;
		$self->ask("wait $names[-1] 1");

	} else {
		$self->ask("create-many $base $count", 180);
	}

	return @names;
}

sub delete_topic { $_[0]->ask("delete $_[1]") }

sub add_partitions { $_[0]->ask("add-partitions $_[1] $_[2]") }

# all records below the offset go
sub delete_records { $_[0]->ask("delete-records $_[1] $_[2] $_[3]") }

# A record: a plain string (the value), or { partition => 0, key, value,
# headers => [[name, value], ...], timestamp }; a value, key or header value
# that is undefined or left out is null.
# returns: the offsets, in scalar context the last one
sub produce {
	my ($self, $topic, @records) = @_;

	$self->tool->say(map { "queue $topic " . encode($_) } @records);

	return $self->placed($self->ask('flush', 60));
}

# one transaction with these records
sub txn_commit { my $self = shift; return $self->transact('commit', @_) }
sub txn_abort { my $self = shift; return $self->transact('abort', @_) }

sub transact {
	my ($self, $end, $topic, @records) = @_;

	$self->txn_begin();
	my @offsets = $self->txn_produce($topic, @records);
	$self->txn_end($end);

	return wantarray ? @offsets : $offsets[-1];
}

# the same in steps; end is "commit" or "abort"
sub txn_begin { $_[0]->ask('begin') }

sub txn_produce {
	my ($self, $topic, @records) = @_;

	$self->tool->say(map { "tqueue $topic " . encode($_) } @records);

	return $self->placed($self->ask('tflush', 60));
}

sub txn_end { $_[0]->ask($_[1]) }

sub placed {
	my ($self, $reply) = @_;

	$self->{placed} = [map { [split /:/] } split ' ', $reply];

	my @offsets = map { $_->[1] } @{ $self->{placed} };

	return wantarray ? @offsets : $offsets[-1];
}

# returns: [partition, offset] of each record of the last produce
sub last_placed { return @{ $_[0]->{placed} } }

sub encode {
	my ($rec) = @_;

	$rec = { value => $rec } unless ref $rec;

	my @fields = ($rec->{partition} // 0);

	push @fields, 'k=' . hex_of($rec->{key}) if defined $rec->{key};
	push @fields, 'v=' . hex_of($rec->{value}) if defined $rec->{value};
	push @fields, "t=$rec->{timestamp}" if defined $rec->{timestamp};
	push @fields, 'h=' . hex_of($_->[0])
		. (defined $_->[1] ? ':' . hex_of($_->[1]) : '')
		for @{ $rec->{headers} // [] };

	return join ' ', @fields;
}

sub hex_of {
	my ($bytes) = @_;

	utf8::encode($bytes) if utf8::is_utf8($bytes);

	return unpack 'H*', $bytes;
}

# returns: { partition => [low, high] }
sub watermarks {
	my ($self, $topic) = @_;

	return { map { my ($p, $low, $high) = split /:/; $p => [$low, $high] }
		split ' ', $self->ask("offsets $topic") };
}

# returns: how many records were ever written to it, if by no transaction
sub written {
	my ($self, $topic) = @_;
	my $sum = 0;

	$sum += $_->[1] for values %{ $self->watermarks($topic) };

	return $sum;
}

# returns: { partition => leader }
sub leaders {
	my ($self, $topic) = @_;

	return { map { split /:/ } split ' ', $self->ask("leaders $topic") };
}

# returns: the first offset not older than this, -1: none
sub offset_for_time { return $_[0]->ask("time $_[1] $_[2] $_[3]") }

sub tool {
	my ($self) = @_;

	return $self->{tool} if $self->{tool} && $self->{tool}->alive;

	$self->{owner} //= $$;
	$self->{tool} = KafkaWS::Process->start(pipe => 1,
		command => [KafkaWS::Process::tool('kafka_tool'),
			$self->{bootstrap}]);

	return $self->{tool};
}

sub ask {
	my ($self, $command, $seconds) = @_;

	return $self->tool->ask($command, $seconds // 60);
}

# opt: partitions, count, seconds, rate, size, run, first, keys; see
# kafka_bulk.c.  returns: { sent, acked, failed, seconds, next => [...] }
sub produce_bulk {
	my ($self, $topic, %o) = @_;

	return $self->bulk_start($topic, %o)->result();
}

# returns once the first record is acknowledged: an object to stop() or to
# await with result(), both return what produce_bulk does
sub bulk_start {
	my ($self, $topic, %o) = @_;

	# a flow has to last for as long as the test
	$o{seconds} = int within($o{seconds}) if $o{seconds};

	my $p = KafkaWS::Process->start(pipe => 1,
		command => [KafkaWS::Process::tool('kafka_bulk'),
			$self->{bootstrap}, "topic=$topic",
			map { "$_=$o{$_}" } sort keys %o]);

	my $line = $p->line(60) // '';

	die "kafka_bulk does not start: \"$line\"\n" unless $line eq 'RUNNING';

	return bless { process => $p }, 'KafkaWS::Bulk';
}

# a value made by kafka_bulk
# returns: { run, partition, seq, time_us }, or nothing if it is damaged
sub parse_value {
	my ($value) = @_;

	return unless defined $value && $value =~
		/^([\w.-]+):(\d+):(\d+):(\d+):[a-z0-9]*:([0-9a-f]{8})\z/;

	my $rec = { run => $1, partition => $2, seq => $3, time_us => $4 };
	my $crc = hex $5;

	return unless Compress::Zlib::crc32(substr $value, 0, -8) == $crc;

	return $rec;
}

# The broker's own metrics over JMX, of all nodes together.
# returns: { connections, fetches (by consumers, ever), produces, time }
sub metrics {
	my ($self) = @_;
	my %sum = map { $_ => 0 } qw(connections fetches produces
		bytes_out);

	die "no metrics: say own => 1, metrics => 1\n"
		unless $self->{metrics_at};

	my @wanted = (
		['connections', 'connection-count', 'kafka.server:'
			. 'type=socket-server-metrics,listener=PLAINTEXT,'
			. 'networkProcessor=*'],
		['fetches', 'Count', 'kafka.network:type=RequestMetrics,'
			. 'name=TotalTimeMs,request=FetchConsumer'],
		['produces', 'Count', 'kafka.network:type=RequestMetrics,'
			. 'name=TotalTimeMs,request=Produce'],
		['bytes_out', 'Count', 'kafka.server:type=BrokerTopicMetrics,'
			. 'name=BytesOutPerSec'],
	);

	my $ask = JSON::PP::encode_json([map { { type => 'read',
		attribute => $_->[1], mbean => $_->[2] } } @wanted]);

	for my $at (split /,/, $self->{metrics_at}) {
		my $r = HTTP::Tiny->new(timeout => 20)->post(
			"http://$at/jolokia/", { content => $ask });

		die "metrics: $r->{status} $r->{content}\n"
			unless $r->{success};

		my $answers = JSON::PP::decode_json($r->{content});

		for my $i (0 .. $#wanted) {
			die "metrics: $answers->[$i]{error}\n"
				unless $answers->[$i]{status} == 200;
			$sum{ $wanted[$i][0] } += total($answers->[$i]{value});
		}
	}

	$sum{time} = time();

	return \%sum;
}

sub total {
	my ($value) = @_;
	my $sum = 0;

	return $value unless ref $value;

	$sum += total($_) for values %$value;

	return $sum;
}


package KafkaWS::Bulk;

# ends it in order; returns as result does
sub stop {
	my ($self) = @_;

	kill 'TERM', $self->{process}->pid;

	return $self->result(90);
}

# returns: the longest time without an acknowledgement that ended since the last
# lap, in us
sub lap {
	my ($self) = @_;

	kill 'USR1', $self->{process}->pid;

	my $line = $self->{process}->line(10) // '';

	die "no lap of kafka_bulk: \"$line\"\n"
		unless $line =~ /^LAP stall=(\d+)$/;

	return $1;
}

sub result {
	my ($self, $seconds) = @_;
	my $line = $self->{process}->line($seconds // 600) // '';

	die "kafka_bulk: \"$line\"\n" unless $line =~ s/^OK //;

	$self->{process}->wait(10);

	my $result = { map { split /=/ } split ' ', $line };

	$result->{next} = [split /,/, $result->{next}];

	return $result;
}

1;
