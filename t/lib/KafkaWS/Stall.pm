package KafkaWS::Stall;

# How long this machine kept a process waiting for a processor.
#
#	my $stall = KafkaWS::Stall->start();	# before there are sockets
#	...
#	$stall->lap();
#	my $since = now();
#	...
#	cmp_ok(now() - $since - $stall->lap()->{total}, '<', within(2),
#		'time');
#
# A process of its own sleeps, again and again, and adds up by how much it
# woke up late: what a test waits for was as late.  An upper limit of a time
# by itself is one of the machine, too; without this it is one of nginx.

use warnings;
use strict;

use POSIX ();

use KafkaWS::Process qw(now);

use constant {
	PAUSE => 0.005,
	LATE => 0.01,			# less is no stall
};

sub start {
	my ($class) = @_;

	pipe my $asked, my $ask or die "pipe: $!\n";
	pipe my $answer, my $say or die "pipe: $!\n";

	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		close $ask;
		watch($asked, $say);
		POSIX::_exit(0);
	}

	return bless { ask => $ask, answer => $answer }, $class;
}

# in the process that sleeps; it ends with the test
sub watch {
	my ($asked, $say) = @_;
	my ($total, $longest, $last) = (0, 0, now());

	$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);

	while (1) {
		vec(my $bits = '', fileno $asked, 1) = 1;

		my $n = select $bits, undef, undef, PAUSE;
		my $late = now() - $last - PAUSE;

		if ($late > LATE) {
			$total += $late;
			$longest = $late if $late > $longest;
		}

		$last = now();
		next unless $n > 0;

		sysread $asked, my $byte, 1 or return;
		syswrite $say, "$total $longest\n" or return;
		($total, $longest) = (0, 0);
	}
}

# returns: { total, longest }, seconds, since the last call
sub lap {
	my ($self) = @_;

	syswrite $self->{ask}, '.';

	my ($total, $longest) = split ' ', readline $self->{answer};

	return { total => $total, longest => $longest };
}

1;
