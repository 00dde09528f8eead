package KafkaWS::Process;

# Programs that a test starts: each in a session of its own, each ended with
# the test, also when the test dies or is killed.

use warnings;
use strict;

use base qw(Exporter);

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Select;
use POSIX qw(WNOHANG);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

use KafkaWS::Pace qw(within);

our @EXPORT_OK = qw(wait_for now root tool);

my %running;
my $owner = $$;

# "exit" lets the END blocks run
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);
$SIG{PIPE} = 'IGNORE';

END {
	local $?;
	if ($$ == $owner) {
		$_->stop($_->{death}, 20) for values %running;
	}
}

sub now { return clock_gettime(CLOCK_MONOTONIC) }

# returns: the first true value of the sub, or nothing after so many seconds
sub wait_for {
	my ($seconds, $sub) = @_;
	my $deadline = now() + within($seconds);

	while (1) {
		my $value = $sub->();

		return $value if $value;
		return if now() >= $deadline;
		sleep 0.01;
	}
}

# the project's folder
sub root {
	return dirname(dirname(dirname(dirname(abs_path(__FILE__)))));
}

# a compiled test program
sub tool {
	my ($name) = @_;
	my $dir = $ENV{TEST_KAFKA_WS_TOOLS} // root() . '/objs-release/t';

	die "$dir/$name is missing: run \"make tools\"\n"
		unless -x "$dir/$name";

	return "$dir/$name";
}

# command: list; log: file for stderr, and for stdout unless pipe is set;
# pipe: talk over stdin and stdout; death: signal when the test dies, KILL;
# env: more environment
sub start {
	my ($class, %o) = @_;
	my $self = bless { name => $o{command}[0], buf => '',
		death => $o{death} // 'KILL' }, $class;
	my ($child_in, $child_out);

	if ($o{pipe}) {
		pipe $child_in, $self->{in} or die "pipe: $!\n";
		pipe $self->{out}, $child_out or die "pipe: $!\n";
		$self->{in}->autoflush(1);
	}

	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
		@ENV{ keys %{ $o{env} } } = values %{ $o{env} } if $o{env};
		POSIX::setsid();

		my $log = $o{log} // '/dev/null';

		open STDERR, '>>', $log or POSIX::_exit(127);

		if ($o{pipe}) {
			open STDIN, '<&', $child_in or POSIX::_exit(127);
			open STDOUT, '>&', $child_out or POSIX::_exit(127);

		} else {
			open STDIN, '<', '/dev/null' or POSIX::_exit(127);
			open STDOUT, '>&', \*STDERR or POSIX::_exit(127);
		}

		exec 'setpriv', '--pdeathsig', $self->{death}, '--',
			@{ $o{command} }
			or POSIX::_exit(127);
	}

	$self->{pid} = $pid;
	$self->{owner} = $$;
	$running{$pid} = $self;

	return $self;
}

sub pid { return $_[0]->{pid} }

# true while the program runs; its exit status is kept
sub alive {
	my ($self) = @_;

	return 0 if defined $self->{status};
	return 1 unless waitpid($self->{pid}, WNOHANG) == $self->{pid};

	$self->{status} = $?;
	delete $running{ $self->{pid} };

	return 0;
}

sub status { return $_[0]->{status} }

# returns: true when it has ended in time
sub wait {
	my ($self, $seconds) = @_;

	return wait_for($seconds // 30, sub { !$self->alive });
}

# returns: true when the signal was enough
sub stop {
	my ($self, $signal, $seconds) = @_;

	return 1 unless $self->{owner} == $$ && $self->alive;

	kill $signal // 'TERM', $self->{pid};
	return 1 if $self->wait($seconds // 10);

	kill 'KILL', $self->{pid};
	$self->wait(10);

	return 0;
}

# returns: a line without its end, or nothing (time, end of output)
sub line {
	my ($self, $seconds) = @_;
	my $deadline = now() + within($seconds // 60);
	my $select = IO::Select->new($self->{out});

	while (1) {
		return $1 if $self->{buf} =~ s/^([^\n]*)\n//;

		my $left = $deadline - now();

		return if $left <= 0;
		next unless $select->can_read($left);
		return unless sysread $self->{out}, $self->{buf}, 65536,
			length $self->{buf};
	}
}

# sends lines without waiting for replies
sub say {
	my ($self, @lines) = @_;
	my $data = join '', map { "$_\n" } @lines;
	my $at = 0;

	while ($at < length $data) {
		my $n = syswrite $self->{in}, $data, length($data) - $at, $at;

		next if !defined $n && $!{EINTR};
		die "$self->{name} has ended\n" unless defined $n;
		$at += $n;
	}
}

# one command, one reply; returns: what follows "OK"; dies on "ERR"
sub ask {
	my ($self, $command, $seconds) = @_;

	$self->say($command);

	my $reply = $self->line($seconds);

	die "$self->{name}: no reply to \"" . substr($command, 0, 100) . "\"\n"
		unless defined $reply;
	die "$self->{name}: $reply\n" unless $reply =~ s/^OK ?//;

	return $reply;
}

1;
