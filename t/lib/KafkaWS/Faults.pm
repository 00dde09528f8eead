package KafkaWS::Faults;

# What breaks in a run of KafkaWS::Soak, and how it is mended.  What, when and
# for how long comes out of a seed; what takes time is begun, and looked at
# again while the others go on.
#
# The object has nginx, broker and checker (which is told before records may be
# late or connections end), workers, seconds, warm, pause, seed and faults.

use warnings;
use strict;

use Digest::MD5 qw(md5);
use JSON::PP ();

use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);

use constant GRACE => 2;	# seconds from the first record to an even flow

# how often, compared with each other
our %weights = (
	reload => 4,
	bad_conf => 1,
	reopen => 1,
	helper_kill => 4,
	helper_stop => 2,
	worker_kill => 2,
	worker_stop => 2,
	broker_stop => 1,
	broker_kill => 1,
	broker_pause => 2,
);

# returns: a number in 0 .. n - 1, from the seed; Perl's own generator may be
# another one in another version
sub random {
	my ($self, $n) = @_;

	return unpack('N', md5("$self->{seed}:" . ++$self->{drawn})) % $n;
}

# what happens, and when: all of it is decided here
sub schedule {
	my ($self) = @_;
	my $at = $self->{warm};
	my @bag;
	my @all = map { ($_) x $self->{faults}{$_} }
		sort keys %{ $self->{faults} };

	return unless @all;

	while ($at < $self->{seconds} - 2) {
		# each of them, before one comes too often
		@bag = @all unless @bag;

		my $what = splice @bag, $self->random(scalar @bag), 1;
		my $for = 0.5 + $self->random(25) / 10;

		push @{ $self->{agenda} }, [$at, $what, $for,
			$self->random(1000)];
		$at += $self->{pause} * (0.25 + $self->random(150) / 100);
	}
}

# what is due, and what is under way
sub step {
	my ($self) = @_;
	my $agenda = $self->{agenda};
	my $now = now() - $self->{began};

	while (@$agenda && $agenda->[0][0] <= $now) {
		my ($at, $what, $for, $dice) = @{ shift @$agenda };

		if (ref $what) {
			$what->();
			next;
		}

		my $name = "fault_$what";

		$self->{happened}{$what}++ if $self->$name($for, $dice);
	}

	$self->watch_reload() if $self->{reloading};
	$self->watch_broker() if $self->{broker_down};
}

sub later {
	my ($self, $seconds, $sub) = @_;

	@{ $self->{agenda} } = sort { $a->[0] <=> $b->[0] }
		@{ $self->{agenda} }, [now() - $self->{began} + $seconds, $sub];
}

sub excuse {
	my ($self, $why, $on) = @_;

	return if ($self->{excused}{$why} // 0) == $on;
	$self->{excused}{$why} = $on;
	$self->tell('excuse ' . ($on ? 'on' : 'off'));
}

sub note {
	my ($self, $text) = @_;

	push @{ $self->{notes} }, sprintf('%.2f %s', now() - $self->{began},
		$text);
	print "# $self->{notes}[-1]\n" if $self->{verbose};
}

sub fault_reload {
	my ($self) = @_;

	return 0 if $self->{reloading};

	$self->note('reload');
	$self->tell('reload');
	$self->{reloading} = { map { $_ => 1 }
		$self->{nginx}->worker_pids() };
	$self->{nginx}->signal('HUP');

	return 1;
}

sub watch_reload {
	my ($self) = @_;
	my $t = $self->{nginx};
	my $old = $self->{reloading};
	my @now = $t->worker_pids();

	return if @now < $self->{workers} || grep { $old->{$_} } @now;
	return if $t->old_worker_pids();

	$self->{reloading} = undef;
	$self->tell('reloaded');
}

# nginx goes on with what it has
sub fault_bad_conf {
	my ($self) = @_;
	my $t = $self->{nginx};

	return 0 if $self->{reloading};

	my $good = $t->read_testfile('nginx.conf');
	my $count = () = $t->log() =~ /unknown directive "nonsense"/g;

	$self->note('bad configuration');
	$t->write_file('nginx.conf', "$good\nnonsense;\n");
	$t->signal('HUP');
	wait_for(10, sub {
		my $n = () = $t->log() =~ /unknown directive "nonsense"/g;

		return $n > $count;
	}) or die "nginx does not read its configuration\n";
	$t->write_file('nginx.conf', $good);

	return 1;
}

sub fault_reopen {
	my ($self) = @_;
	my $t = $self->{nginx};
	my $dir = $t->testdir;

	$self->note('logs reopened');
	rename "$dir/error.log",
		sprintf '%s/error.log.%04d', $dir, ++$self->{logs};
	rename "$dir/access.log", "$dir/access.log.old";
	$t->signal('USR1');
	wait_for(5, sub { -e "$dir/error.log" })
		or die "no new error.log\n";

	return 1;
}

sub fault_helper_kill {
	my ($self) = @_;
	my $pid = $self->{nginx}->helper_pid() or return 0;

	$self->note("helper $pid killed");
	kill 'KILL', $pid;

	return 1;
}

sub fault_helper_stop {
	my ($self, $for) = @_;
	my $pid = $self->{nginx}->helper_pid();

	return 0 if !$pid || $self->{excused}{helper};

	$self->note("helper $pid stopped for $for s");
	$self->excuse('helper', 1);
	kill 'STOP', $pid;
	$self->{stopped} = $pid;
	$self->later($for, sub { $self->wake_helper() });

	return 1;
}

sub wake_helper {
	my ($self) = @_;

	kill 'CONT', delete $self->{stopped} if $self->{stopped};
	$self->excuse('helper', 0);
}

sub fault_worker_kill {
	my ($self, $for, $dice) = @_;
	my @pids = $self->{nginx}->worker_pids() or return 0;
	my $pid = $pids[$dice % @pids];

	$self->note("worker $pid killed");
	$self->tell('cut 3000');
	kill 'KILL', $pid;

	return 1;
}

# one of them is slower than the others, for less than anybody may stall
sub fault_worker_stop {
	my ($self, $for, $dice) = @_;
	my @pids = $self->{nginx}->worker_pids() or return 0;
	my $pid = $pids[$dice % @pids];

	$for /= 10;
	$self->note("worker $pid stopped for $for s");
	kill 'STOP', $pid;
	$self->{asleep}++;
	$self->later($for, sub {
		kill 'CONT', $pid;
		$self->{asleep}--;
	});

	return 1;
}

sub fault_broker_stop { return $_[0]->broker('stop', $_[1]) }
sub fault_broker_kill { return $_[0]->broker('kill', $_[1]) }
sub fault_broker_pause { return $_[0]->broker('pause', $_[1]) }

# The broker's commands take seconds: the other faults go on meanwhile.
sub broker {
	my ($self, $how, $for) = @_;
	my $b = $self->{broker};

	return 0 if $self->{broker_down};

	$self->note("broker: $how, for $for s");
	$self->excuse('broker', 1);
	$self->{broker_down} = { how => $how, for => $for,
		step => 'down' };
	$b->{process}->say($b->kind eq 'mock' ? 'down -1' : "$how 1");

	return 1;
}

sub watch_broker {
	my ($self) = @_;
	my $d = $self->{broker_down};
	my $b = $self->{broker};

	if ($d->{step} eq 'wait') {
		return if now() < $d->{until};

		$b->{process}->say($b->kind eq 'mock' ? 'up -1' : 'up 1');
		$d->{step} = 'up';
		$d->{until} = now() + 120;
	}

	if ($d->{step} eq 'back') {
		my $s = $self->cluster() or return;

		die "the stream does not go on\n" . $self->serious()
			if now() > $d->{until} && !$self->{excused}{helper};

		$d->{records} //= $s->{records};
		return if $s->{records} <= $d->{records}
			|| $s->{broker}{state} ne 'up';

		$self->note(sprintf 'broker back, flow %.2f s later',
			now() - $d->{up});
		$self->{broker_down} = undef;

		# the other partitions' leaders are back by then, too
		$self->later(GRACE, sub { $self->excuse('broker', 0)
			unless $self->{broker_down} });
		return;
	}

	my $reply = $b->{process}->line(0.001) // return;

	die "the broker: $reply\n" unless $reply =~ /^OK/;

	if ($d->{step} eq 'down') {
		$d->{step} = 'wait';
		$d->{until} = now() + $d->{for};

	} else {
		$d->{step} = 'back';
		$d->{up} = now();
		$d->{until} = now() + within(30);
	}
}

# the status page, if somebody is there to tell: not a worker that is stopped,
# which would have to wait for us
sub cluster {
	my ($self) = @_;

	return if $self->{asleep};

	my $r = eval { $self->{nginx}->http_get('/kafka_ws_status',
		timeout => 5) };

	return unless $r && $r->status == 200;
	return JSON::PP::decode_json($r->body)->{clusters}[0];
}

# all that is broken is mended
sub heal {
	my ($self) = @_;

	# what has begun ends
	@{ $self->{agenda} } = map { [0, $_->[1]] }
		grep { ref $_->[1] } @{ $self->{agenda} };

	my $d = $self->{broker_down};

	$d->{until} = 0 if $d && $d->{step} eq 'wait';

	wait_for(150, sub {
		$self->step();
		return !$self->{broker_down} && !$self->{reloading};
	}) or die "it cannot be healed\n" . $self->serious();

	$self->sample();
}

1;
