package KafkaWS::Bench;

# The measurements of t/bench/run, one at a time.

use warnings;
use strict;

use base qw(Exporter);

use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw(sleep);

use KafkaWS::Client;
use KafkaWS::Load qw(cpu_ns private_bytes);
use KafkaWS::Nginx;
use KafkaWS::Ports;
use KafkaWS::Process qw(tool now);

our @EXPORT_OK = qw(median);

use constant CALLGRIND => qw(valgrind -q --tool=callgrind);
use constant SETTLE => 5;		# s, under callgrind
use constant STATUS => 'ngx_kafka_ws_status_handler';

sub new {
	my ($class, $broker) = @_;

	my ($last) = `taskset -pc $$` =~ /(\d+)$/m;

	# the last processor there is; server and clients share it
	return bless { broker => $broker, runs => 0, cpu => $last // 0,
		workers => 1, partitions => 1, zone => '128m', ring => '32m',
		limit => [] }, $class;
}

# A topic of its own for each run, or the one that is set.  What else differs
# is told by fields of the object, too: workers, partitions, zone, ring, limit
# (more options of limit).
sub topic {
	my ($self) = @_;
	my $b = $self->{broker};

	$self->{run} = 'bench' . ++$self->{runs};

	return $self->{topic} // $b->create_topic($b->topic('bench'),
		partitions => $self->{partitions});
}

# location: directives beside kafka_ws; prefix: what nginx runs under
sub nginx {
	my ($self, $topic, $location, @prefix) = @_;
	my $t = KafkaWS::Bench::Nginx->new(broker => $self->{broker},
		prefix => \@prefix);

	$t->write_file_expand('nginx.conf', <<"EOT")->run();
%%MODULE%%
%%GLOBALS%%
worker_processes $self->{workers};
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
    %%GLOBALS_HTTP%%
    kafka_ws_cluster c {
        brokers %%BROKERS%%;
        topics  $topic;
        zone    c $self->{zone};
        ring    $self->{ring};
    }
    server {
        listen 127.0.0.1:%%PORT_0%% backlog=4096;
        location / {
            kafka_ws c;
            $location
        }
        location = /kafka_ws_status { kafka_ws_status; }
    }
}
EOT

	return $t;
}

# records to a topic: bulk ones of a size, or these values in turn, by rate
sub produce {
	my ($self, $topic, %o) = @_;
	my $b = $self->{broker};

	return $b->produce_bulk($topic, run => $self->{run}, rate => $o{rate},
		size => $o{size}, count => $o{records},
		partitions => $self->{partitions}) unless $o{values};

	my $start = now();

	for my $n (0 .. $o{records} - 1) {
		my $wait = $start + $n / $o{rate} - now();

		sleep $wait if $wait > 0;
		$b->produce($topic,
			{ value => $o{values}[$n % @{ $o{values} }] });
	}
}

# JSON of so many bytes as feeds send it, no two alike, the same in each run
sub json_values {
	my ($count, $size) = @_;
	my $x = 1;
	my $random = sub { $x = ($x * 1103515245 + 12345) % 2 ** 31;
		return int $x / 65536 % $_[0] };
	my @symbols = qw(EURUSD GBPUSD USDJPY AUDCAD BTCEUR ETHEUR XAUUSD);
	my @words = qw(limit market filled partial order client desk london
		paris new york open close retry book side maker taker);
	my @values;

	for my $n (1 .. $count) {
		my $price = 100 + $random->(9000) / 100;
		my $text = sprintf '{"id":"%08x-%04x","type":"trade",'
			. '"symbol":"%s","price":%.2f,"bid":%.2f,"ask":%.2f,'
			. '"size":%d,"time":"2025-06-%02dT12:%02d:%02d.%03dZ",'
			. '"venue":{"name":"%s","country":"GB","open":true},'
			. '"flags":[%d,%d,%d],"account":"%07d","text":"',
			$random->(32768) * 65536 + $n, $random->(32768),
			$symbols[$random->(scalar @symbols)], $price,
			$price - 0.02, $price + 0.02, 1 + $random->(5000),
			1 + $random->(30), $random->(60), $random->(60),
			$random->(1000), $words[$random->(scalar @words)],
			map({ $random->(64) } 1 .. 3), $random->(32768) * 100;

		$text .= $words[$random->(scalar @words)] . ' '
			while length $text < $size - 2;
		push @values, substr($text, 0, $size - 2) . '"}';
	}

	return @values;
}

# Worker and helper are known by the functions that nobody else calls.
# values, location: as above; load: what the clients are told instead of
# records to check
# returns: { instructions, helper, frames, reads, compressed, bytes } of one
# life of both
sub callgrind {
	my ($self, %o) = @_;
	my $topic = $self->topic();
	my $t = $self->nginx($topic, $o{location} // '', CALLGRIND,
		'--trace-children=yes', '--zero-before=' . STATUS);

	# refusals while the topic is not known yet must not be counted
	KafkaWS::Load->start(port => $t->port(0), connections => 1,
		seconds => 120, ready_in => 120, %{ $o{load} // {} })->stop();

	my $load = KafkaWS::Load->start(port => $t->port(0),
		connections => $o{clients}, seconds => 300, ready_in => 120,
		$o{load} ? (%{ $o{load} }, frames => $o{records})
			: (records => $o{records}, run => $self->{run}));

	# the clients are there, but where each of them starts may still have
	# to be found out
	sleep SETTLE;
	$t->status();

	$self->produce($topic, %o);

	my $r = $load->result(300);

	die "clients of callgrind: $r->{text}\n" if $r->{exit};
	die "nginx does not stop under callgrind\n" unless $t->stop();

	return { instructions => $t->counted('ngx_kafka_ws_subscriber_'),
		helper => $t->counted('ngx_kafka_ws_ingest_'),
		map { $_ => $r->{$_} } qw(frames reads compressed bytes) };
}

# What one client costs that sends frames and gets them back.
# o: frames, and more options of ws_echo
# returns: instructions of nginx's life
sub echo {
	my ($self, %o) = @_;
	my $t = KafkaWS::Bench::Nginx->new(prefix => [CALLGRIND]);

	$t->write_file_expand('nginx.conf', <<'EOT')->run();
%%ECHO%%
%%GLOBALS%%
master_process off;
events { }
http {
    %%GLOBALS_HTTP%%
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { kafka_ws_echo; }
    }
}
EOT
	my $p = KafkaWS::Process->start(pipe => 1, death => 'TERM',
		command => [tool('ws_echo'), '--port=' . $t->port(0),
			map { defined $o{$_} ? "--$_=$o{$_}" : "--$_" }
			sort keys %o]);
	my $line = $p->line(300) // 'nothing';

	die "ws_echo: $line\n" unless $line =~ /^\{"ok":true,/;
	die "nginx does not stop under callgrind\n" unless $t->stop();

	return $t->counted('ngx_kafka_ws_subscriber_');
}

# returns: the payloads of a location's frames for these values, as they are
# on the wire
sub payloads {
	my ($self, $location, @values) = @_;
	my $topic = $self->topic();
	my $t = $self->nginx($topic, $location);
	my $c = KafkaWS::Client->open($t->port(0), '/', format => 'text',
		extensions => 'permessage-deflate');
	my @payloads;

	$c->extension() // die "permessage-deflate is not agreed on\n";
	$self->{broker}->produce($topic, map { { value => $_ } } @values);

	for my $value (@values) {
		my $m = $c->next_message(30);

		die "another value\n" unless $m->{payload} eq $value;
		push @payloads, $m->{deflated}
			// die "a frame is not compressed\n";
	}

	$c->close(1000);
	$t->stop();

	return @payloads;
}

# Private memory of a worker for each of so many clients that are idle after
# a record.
sub idle_bytes {
	my ($self, $clients, $location, %load) = @_;
	my $topic = $self->topic();
	my $t = $self->nginx($topic, $location);
	my ($worker) = $t->worker_pids();

	# what one client in a worker brings is not any client's
	my $first = $self->idle($t, $topic, 1, %load);
	my $before = private_bytes($worker);
	my $load = $self->idle($t, $topic, $clients, %load);
	my $bytes = private_bytes($worker) - $before;

	die "no memory of a worker is known\n" unless $before;

	my @ends = map { $_->stop() } $first, $load;

	$t->stop();

	# the first client has two records
	die "messages are not compressed as they should be\n"
		if $ends[0]{compressed} + $ends[1]{compressed}
		< ($load{deflate} ? $clients + 2 : 0);

	return $bytes / $clients;
}

sub idle {
	my ($self, $t, $topic, $clients, %load) = @_;
	my $load = KafkaWS::Load->start(port => $t->port(0), drain => 1,
		connections => $clients, frames => 2, seconds => 120,
		linger_ms => 60_000, %load);

	$self->{broker}->produce($topic, { value => 'a value, ' x 50 });
	$load->enough(60) or die "a record does not come\n";

	# the start event and the record; the worker's turn may last longer
	sleep 0.5;

	return $load;
}

# server: nginx or limit; location, values, load: as of callgrind
# returns: { ns, worker_ns, frames, frames_per_read, compressed }
sub cpu {
	my ($self, $server, %o) = @_;
	my $topic = $self->topic();
	my @pin = ('taskset', '-c', $self->{cpu});
	my ($port, $stop, $pids, $workers) = $self->start($server, $topic,
		$o{location} // '', @pin);

	# the first frame of those that are not told otherwise is an event
	my $load = KafkaWS::Load->start(port => $port, drain => 1,
		connections => $o{clients},
		frames => $o{records} + ($o{load} ? 0 : 1),
		seconds => 120, linger_ms => 500, %{ $o{load} // {} },
		prefix => [@pin, 'chrt', '-b', '0']);

	# handshakes are done; what they left to do is not to be counted
	sleep 0.5;

	my @start = (cpu_ns(@$pids), cpu_ns(@$workers));

	$self->produce($topic, %o);

	# neither are the Closes
	$load->enough(60) or die "frames of $server do not come\n";

	my @end = (cpu_ns(@$pids), cpu_ns(@$workers));
	my $r = $load->result(60);

	$stop->();

	my $frames = $o{clients} * $o{records};

	die "clients of $server: $r->{text}\n"
		if $r->{exit} || $r->{frames} < $frames;

	return { ns => ($end[0] - $start[0]) / $frames,
		worker_ns => ($end[1] - $start[1]) / $frames,
		frames => $frames, compressed => $r->{compressed},
		bytes => $r->{bytes},
		frames_per_read => $r->{frames} / $r->{reads} };
}

sub median {
	my @v = sort { $a <=> $b } @_;

	return @v % 2 ? $v[$#v / 2] : ($v[@v / 2 - 1] + $v[@v / 2]) / 2;
}

# returns: { client => quantiles, bare => quantiles }, in microseconds
sub latency {
	my ($self, $server, %o) = @_;
	my $topic = $self->topic();
	my ($port, $stop) = $self->start($server, $topic, '');
	my $bare = $self->limit($topic, ['--bare']);
	my $load = KafkaWS::Load->start(port => $port, connections => 1,
		records => $o{records}, run => $self->{run}, seconds => 60);

	$self->{broker}->produce_bulk($topic, run => $self->{run},
		rate => $o{rate}, size => $o{size}, count => $o{records});

	my $r = $load->result(60);

	my $floor = ended($bare);

	$stop->();

	die "client of $server: $r->{text}\n" if $r->{exit};

	return { client => $r->{latency_us}, bare => $floor->{latency_us} };
}

# returns: (port, how to stop it, pids of all of it, pids of workers, how many
# batches of records it has consumed, as far as it says so while it runs)
sub start {
	my ($self, $server, $topic, $location, @prefix) = @_;

	if ($server eq 'nginx') {
		my $t = $self->nginx($topic, $location, @prefix);
		my @workers = $t->worker_pids();

		return ($t->port(0), sub { $t->stop() },
			[@workers, $t->helper_pid()], \@workers,
			sub { $t->status()->{clusters}[0]{batches} });
	}

	my $port = KafkaWS::Ports::reserve();
	my $p = $self->limit($topic, ["--port=$port", @{ $self->{limit} }],
		@prefix);

	return ($port, sub { ended($p) }, [$p->pid], [$p->pid], sub { 0 });
}

# returns: the report of limit
sub ended {
	my ($p) = @_;

	kill 'TERM', $p->pid;

	my $line = $p->line(30) // die "no report of limit\n";

	$p->wait(10);

	return JSON::PP::decode_json($line);
}

sub limit {
	my ($self, $topic, $options, @prefix) = @_;
	my $p = KafkaWS::Process->start(pipe => 1, death => 'TERM',
		command => [@prefix, tool('limit'), "--topic=$topic",
			'--bootstrap=' . $self->{broker}->bootstrap,
			@$options]);

	die "limit does not start\n" unless ($p->line(60) // '') eq 'ready';

	return $p;
}


package KafkaWS::Bench::Nginx;

use base qw(KafkaWS::Nginx);

use List::Util qw(sum);

use KafkaWS::Process qw(wait_for);

sub command {
	my ($self, @more) = @_;
	my @prefix = @{ $self->{prefix} };

	push @prefix, "--callgrind-out-file=$self->{dir}/callgrind.out.%p"
		if @prefix && $prefix[0] eq 'valgrind';

	return (@prefix, $self->SUPER::command(@more));
}

# returns: instructions of the one process that calls such functions, or of
# so many
sub counted {
	my ($self, $functions, $processes) = (@_, 1);
	my @found;

	for my $file (glob "$self->{dir}/callgrind.out.*") {
		my $text = KafkaWS::Nginx::read_file($file);

		next unless $text =~ /\b$functions/;
		push @found, $1 if $text =~ /^(?:totals|summary): (\d+)/m;
	}

	die "no count of the caller of $functions in $self->{dir}\n"
		unless @found == $processes;

	return sum(@found);
}

# valgrind hides the titles by which workers are known
sub waitforprocesses {
	my ($self) = @_;

	return $self->SUPER::waitforprocesses()
		unless ($self->{prefix}[0] // '') eq 'valgrind';

	wait_for(60, sub {
		IO::Socket::INET->new(PeerAddr => '127.0.0.1',
			PeerPort => $self->port(0)) })
		or die "nginx does not listen\n" . $self->log();
}

1;
