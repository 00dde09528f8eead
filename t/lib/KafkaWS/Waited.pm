package KafkaWS::Waited;

# How long a busy machine kept processes from a processor, to be taken off a
# time that is compared with a limit: what is left is their own.
#
#	my $queued = KafkaWS::Waited->new($$, $t->worker_pids());
#	...				# what is timed
#	cmp_ok(now() - $since - $queued->seconds(), '<', 1, 'in time');
#
# A process that ends keeps what it had when seconds() was last called, so ask
# again while one is waited for.  With a sub instead of a pid, those that it
# returns at each call: who is new then has waited since its start.
#
# It is the time on the kernel's run queues, of all their threads, and what a
# hypervisor took of all processors: next to nothing on a machine with nothing
# else to do.

use warnings;
use strict;

use List::Util qw(max sum0);

use KafkaWS::Nginx ();

sub new {
	my ($class, @pids) = @_;
	my $self = bless { pids => \@pids, from => {}, now => {} }, $class;

	$self->look();
	$self->{from} = { %{ $self->{now} } };
	$self->{stolen} = stolen();

	return $self;
}

# returns: how long since new(), all of them together: what has to be done by
# one after the other
sub seconds {
	my ($self) = @_;

	return stolen() - $self->{stolen} + sum0($self->lost());
}

# returns: the same of the one that lost most: what goes on in all of them
sub most {
	my ($self) = @_;

	return stolen() - $self->{stolen} + max(0, $self->lost());
}

# each by itself
sub lost {
	my ($self) = @_;
	my ($from, $now) = @$self{qw(from now)};

	$self->look();

	return map { $now->{$_} - ($from->{$_} // 0) } keys %$now;
}

sub look {
	my ($self) = @_;
	my $now = $self->{now};

	for my $pid (map { ref $_ ? $_->() : $_ } @{ $self->{pids} }) {
		my $queued = waited($pid);

		# threads that have ended are in it no more
		$now->{$pid} = $queued if $queued > ($now->{$pid} // -1);
	}
}

sub waited {
	my ($pid) = @_;

	return sum0(map { KafkaWS::Nginx::read_file($_) =~ /^\d+ (\d+)/
		? $1 / 1e9 : () } glob "/proc/$pid/task/*/schedstat");
}

# on all processors, in ticks of 10 ms
sub stolen {
	return KafkaWS::Nginx::read_file('/proc/stat')
		=~ /^cpu +(?:\d+ ){7}(\d+)/ ? $1 / 100 : 0;
}

1;
