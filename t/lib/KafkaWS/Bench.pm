package KafkaWS::Bench;

# The measurements of t/bench/run, one at a time.

use warnings;
use strict;

use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw(sleep);

use KafkaWS::Load qw(cpu_ns);
use KafkaWS::Nginx;
use KafkaWS::Ports;
use KafkaWS::Process qw(tool);

sub new {
	my ($class, $broker) = @_;

	my ($last) = `taskset -pc $$` =~ /(\d+)$/m;

	# the last processor there is; server and clients share it
	return bless { broker => $broker, runs => 0, cpu => $last // 0 },
		$class;
}

# a topic of its own for each run
sub topic {
	my ($self) = @_;
	my $b = $self->{broker};

	$self->{run} = 'bench' . ++$self->{runs};

	return $b->create_topic($b->topic('bench'), partitions => 1);
}

# prefix: what nginx runs under
sub nginx {
	my ($self, $topic, @prefix) = @_;
	my $t = KafkaWS::Bench::Nginx->new(broker => $self->{broker},
		prefix => \@prefix);

	$t->write_file_expand('nginx.conf', <<"EOT")->run();
%%MODULE%%
%%GLOBALS%%
worker_processes 1;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
    %%GLOBALS_HTTP%%
    kafka_ws_cluster c {
        brokers %%BROKERS%%;
        topics  $topic;
        zone    c 128m;
        ring    32m;
    }
    server {
        listen 127.0.0.1:%%PORT_0%% backlog=4096;
        location / { kafka_ws c; }
    }
}
EOT

	return $t;
}

# The worker is known by the functions that only a worker calls.
# returns: { instructions, frames, reads } of one worker's life
sub callgrind {
	my ($self, %o) = @_;
	my $topic = $self->topic();
	my $t = $self->nginx($topic, 'valgrind', '-q', '--tool=callgrind',
		'--trace-children=yes');
	my $dir = $t->testdir;

	# refusals while the topic is not known yet must not be counted
	KafkaWS::Load->start(port => $t->port(0), connections => 1,
		seconds => 120, ready_in => 120)->stop();

	my $load = KafkaWS::Load->start(port => $t->port(0),
		connections => $o{clients}, records => $o{records},
		run => $self->{run}, seconds => 300, ready_in => 120);

	$self->{broker}->produce_bulk($topic, run => $self->{run},
		rate => $o{rate}, size => $o{size}, count => $o{records});

	my $r = $load->result(300);

	die "clients of callgrind: $r->{text}\n" if $r->{exit};
	die "nginx does not stop under callgrind\n" unless $t->stop();

	my @found;

	for my $file (glob "$dir/callgrind.out.*") {
		my $text = KafkaWS::Nginx::read_file($file);

		next unless $text =~ /\bngx_kafka_ws_subscriber_/;
		push @found, $1 if $text =~ /^(?:totals|summary): (\d+)/m;
	}

	die "no count of a worker in $dir\n" unless @found == 1;

	return { instructions => $found[0], frames => $r->{frames},
		reads => $r->{reads} };
}

# server: nginx or limit; returns: { ns, worker_ns, frames, frames_per_read }
sub cpu {
	my ($self, $server, %o) = @_;
	my $topic = $self->topic();
	my @pin = ('taskset', '-c', $self->{cpu});
	my ($port, $stop, $pids, $workers) = $self->start($server, $topic,
		@pin);

	my $load = KafkaWS::Load->start(port => $port, drain => 1,
		connections => $o{clients}, frames => $o{records} + 1,
		seconds => 120, linger_ms => 500,
		prefix => [@pin, 'chrt', '-b', '0']);

	# handshakes are done; what they left to do is not to be counted
	sleep 0.5;

	my @start = (cpu_ns(@$pids), cpu_ns(@$workers));

	$self->{broker}->produce_bulk($topic, run => $self->{run},
		rate => $o{rate}, size => $o{size}, count => $o{records});

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
		frames => $frames,
		frames_per_read => $r->{frames} / $r->{reads} };
}

# returns: { client => quantiles, bare => quantiles }, in microseconds
sub latency {
	my ($self, $server, %o) = @_;
	my $topic = $self->topic();
	my ($port, $stop) = $self->start($server, $topic);
	my $bare = $self->limit($topic, '--bare');
	my $load = KafkaWS::Load->start(port => $port, connections => 1,
		records => $o{records}, run => $self->{run}, seconds => 60);

	$self->{broker}->produce_bulk($topic, run => $self->{run},
		rate => $o{rate}, size => $o{size}, count => $o{records});

	my $r = $load->result(60);

	kill 'TERM', $bare->pid;

	my $floor = JSON::PP::decode_json($bare->line(30));

	$bare->wait(10);
	$stop->();

	die "client of $server: $r->{text}\n" if $r->{exit};

	return { client => $r->{latency_us}, bare => $floor->{latency_us} };
}

# returns: (port, how to stop it, pids of all of it, pids of workers)
sub start {
	my ($self, $server, $topic, @prefix) = @_;

	if ($server eq 'nginx') {
		my $t = $self->nginx($topic, @prefix);
		my @workers = $t->worker_pids();

		return ($t->port(0), sub { $t->stop() },
			[@workers, $t->helper_pid()], \@workers);
	}

	my $port = KafkaWS::Ports::reserve();
	my $p = $self->limit($topic, "--port=$port", @prefix);

	return ($port, sub { $p->stop() }, [$p->pid], [$p->pid]);
}

sub limit {
	my ($self, $topic, $option, @prefix) = @_;
	my $p = KafkaWS::Process->start(pipe => 1, death => 'TERM',
		command => [@prefix, tool('limit'), "--topic=$topic",
			'--bootstrap=' . $self->{broker}->bootstrap, $option]);

	die "limit does not start\n" unless ($p->line(30) // '') eq 'ready';

	return $p;
}


package KafkaWS::Bench::Nginx;

use base qw(KafkaWS::Nginx);

use KafkaWS::Process qw(wait_for);

sub command {
	my ($self, @more) = @_;
	my @prefix = @{ $self->{prefix} };

	push @prefix, "--callgrind-out-file=$self->{dir}/callgrind.out.%p"
		if @prefix && $prefix[0] eq 'valgrind';

	return (@prefix, $self->SUPER::command(@more));
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
