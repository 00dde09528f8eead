package KafkaWS::Load;

# Many WebSocket clients (t/load/ws_load.c), and what a process costs.
#
#	my $load = KafkaWS::Load->start(port => $t->port(0), uri => '/t',
#		connections => 5000, partitions => 4, records => 300,
#		run => 'r1');			# returns when all are connected
#	...
#	my $r = $load->result(90);		# the JSON that ws_load prints

use warnings;
use strict;

use base qw(Exporter);

use JSON::PP ();

use KafkaWS::Pace qw(within);
use KafkaWS::Process qw(tool);

our @EXPORT_OK = qw(private_bytes cpu_ns descriptors);

# opt: those of ws_load, "_" for "-"; a true flag is 1, a list repeats;
# ready_in => seconds until all are connected; log => file for stderr;
# prefix => command to run it under (taskset and so on)
sub start {
	my ($class, %o) = @_;
	my $ready_in = delete $o{ready_in} // 60;
	my $log = delete $o{log} // '/dev/null';
	my @command = (@{ delete $o{prefix} // [] }, tool('ws_load'),
		'--announce');

	# how long all of it may take, 60 when nobody says so
	$o{seconds} = int within($o{seconds} // 60);

	my %flag = map { $_ => 1 } qw(drain raw deflate late no_resume
		owner_filter);

	for my $name (sort keys %o) {
		(my $option = "--$name") =~ tr/_/-/;

		if ($flag{$name}) {
			push @command, $option if $o{$name};
			next;
		}

		push @command, "$option=$_"
			for ref $o{$name} ? @{ $o{$name} } : $o{$name};
	}

	my $self = bless { process => KafkaWS::Process->start(
		command => \@command, pipe => 1, log => $log,
		death => 'TERM') }, $class;

	my $line = $self->{process}->line($ready_in) // '';

	die "clients do not connect: $line\n" . $self->stop_text() . "\n"
		unless $line =~ /^\{"ready":(\d+)\}$/;

	$self->{ready} = $1;

	return $self;
}

sub pid { return $_[0]->{process}->pid }

# returns: the report, once it has ended by itself
sub result {
	my ($self, $seconds) = @_;
	my $line = $self->report($seconds // 120);

	die "no report of ws_load\n" unless defined $line;

	$self->{process}->wait(10);

	my $r = JSON::PP::decode_json($line);

	$r->{exit} = $self->{process}->status >> 8;
	$r->{text} = $line;

	return $r;
}

# returns: true once all that was expected is there, before the Closes
sub enough {
	my ($self, $seconds) = @_;

	return ($self->{process}->line($seconds // 120) // '')
		=~ /^\{"enough":/;
}

# the report, at once
sub stop {
	my ($self) = @_;

	kill 'TERM', $self->{process}->pid;

	return $self->result(30);
}

# returns: the latency since the last lap, { n, p50, p99, p999, max } in us;
# stall => the same of the clients' longest stalls since then
sub lap {
	my ($self) = @_;

	kill 'USR1', $self->{process}->pid;

	my $line = $self->{process}->line(10) // '';

	die "no lap of ws_load: \"$line\"\n" unless $line =~ /^\{"lap":/;

	my $r = JSON::PP::decode_json($line);

	return { %{ $r->{lap} }, stall => $r->{stall} };
}

sub stop_text {
	my ($self) = @_;

	kill 'TERM', $self->{process}->pid;

	return $self->report(10) // 'no report';
}

# the line itself; what comes before it is announcements
sub report {
	my ($self, $seconds) = @_;

	while (defined(my $line = $self->{process}->line($seconds))) {
		return $line unless $line =~ /^\{"(?:ready|enough|lap)":/;
	}

	return;
}

# memory that only this process holds; the shared zone is not in it
sub private_bytes {
	my ($pid) = @_;
	my $sum = 0;

	open my $f, '<', "/proc/$pid/smaps_rollup" or return 0;

	while (my $line = <$f>) {
		$sum += $1 if $line =~ /^Private_(?:Clean|Dirty):\s+(\d+) kB/;
	}

	return $sum * 1024;
}

# CPU time of all threads of the processes, user and kernel
sub cpu_ns {
	my (@pids) = @_;
	my $sum = 0;

	for my $file (map { glob "/proc/$_/task/*/schedstat" } @pids) {
		open my $f, '<', $file or next;
		$sum += $1 if (<$f> // '') =~ /^(\d+) /;
	}

	return $sum;
}

# returns: how many descriptors a process has open
sub descriptors {
	my ($pid) = @_;
	my @fds = glob "/proc/$pid/fd/*";

	return scalar @fds;
}

1;
