package KafkaWS::Daemon;

# A KafkaWS::Nginx that runs as a daemon does, with sessions and parents of
# its own: only such a one takes USR2 and WINCH.
#
#	my $t = KafkaWS::Daemon->new(broker => $b)->plan(1);
#	...->run();
#	my $new = $t->upgrade();	# USR2: the other master, as an object
#	$t->follow($new);		# the old one is gone
#
# No process is left behind even if the test is killed: a guard waits for the
# end of the test and ends what runs in nginx's session.

use warnings;
use strict;

use base qw(KafkaWS::Nginx);

use POSIX ();

use KafkaWS::Process qw(wait_for);

use constant TIME => 30;

sub expand {
	my ($self, $text) = @_;

	$text = $self->SUPER::expand($text);

	# what the other binary needs of our environment
	$text =~ s/\bdaemon off;/'daemon on; ' . join ' ', map { "env $_;" }
		qw(LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS TEST_NGINX_DIR)/e;

	return $text;
}

sub run {
	my ($self) = @_;
	my $dir = $self->testdir;

	die "nginx runs already\n" if $self->{master};
	unlink "$dir/nginx.pid";

	my $p = KafkaWS::Process->start(command => [$self->command()],
		log => "$dir/stderr.log", env => $self->environment());

	$p->wait(TIME) && $p->status == 0 && wait_for(TIME, sub {
		$self->pid_in('nginx.pid') })
		or die "nginx does not start:\n" . $self->log();

	$self->guard($self->watch($self->pid_in('nginx.pid')));
	$self->waitforprocesses();

	return $self;
}

# Sends USR2 and waits for the other master and its workers.
# returns: an object for it, which is checked and ended with this one
sub upgrade {
	my ($self) = @_;
	my $old = $self->master_pid;

	$self->signal('USR2');

	my $pid = wait_for(TIME, sub {
		my $now = $self->pid_in('nginx.pid');

		return ($self->pid_in('nginx.pid.oldbin') // 0) == $old
			&& $now && $now != $old && $now;
	}) or die "no upgrade:\n" . $self->log();

	my $new = bless { %$self }, ref $self;

	$new->watch($pid);
	$new->waitforprocesses();

	return $new;
}

# takes the master of another object over
sub follow {
	my ($self, $other) = @_;

	$self->{master} = $other->{master};

	return $self;
}

# nginx's own file, without one that it only just made
sub pid_in {
	my ($self, $name) = @_;

	return $self->read_testfile($name) =~ /^(\d+)\n/ ? $1 : undef;
}

sub watch {
	my ($self, $pid) = @_;

	$self->{master} = KafkaWS::Daemon::Master->new($pid);
	push @{ $self->{sessions} }, $pid;

	return $pid;
}

# a process that outlives the test by the time it takes to clean up
sub guard {
	my ($self, $session) = @_;

	pipe my $end, $self->{guard} or die "pipe: $!\n";

	my $pid = fork() // die "fork: $!\n";

	return if $pid;

	close $self->{guard};
	POSIX::setsid();
	sysread $end, my $byte, 1;
	kill 'KILL', map { /(\d+)/ } $self->left_over();
	POSIX::_exit(0);
}


package KafkaWS::Daemon::Master;

# what of KafkaWS::Process holds for a process that is no child of the test

use KafkaWS::Process qw(wait_for);

sub new { return bless { pid => $_[1] }, $_[0] }
sub pid { return $_[0]->{pid} }

# one that nobody has waited for yet has ended, too
sub alive {
	return KafkaWS::Nginx::read_file("/proc/$_[0]->{pid}/stat")
		=~ /\) [^ZX] /;
}

sub wait {
	my ($self, $seconds) = @_;

	return wait_for($seconds // 30, sub { !$self->alive });
}

sub stop {
	my ($self, $signal) = @_;

	kill $signal, $self->{pid} if $self->alive;

	return $self->wait(10);
}

1;
