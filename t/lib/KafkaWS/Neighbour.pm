package KafkaWS::Neighbour;

# What a fault must not touch: a static and a proxied site on the same nginx,
# and the size of the log.
#
#	... server { listen 127.0.0.1:%%PORT_0%%;
#	    @{[ KafkaWS::Neighbour->locations ]} ... }
#	@{[ KafkaWS::Neighbour->server ]} ...
#
#	my $near = KafkaWS::Neighbour->start($t);
#	...
#	my $r = $near->probes();	# since the last call, or the start
#	is($r->{failed}, 0, 'neighbours') or diag($r->{said});
#	cmp_ok(KafkaWS::Neighbour::busiest($t), '<=', 10, 'lines a minute');
#	is($near->stop(), 0, 'the prober itself');
#
# A process of its own asks both sites, again and again.

use warnings;
use strict;

use POSIX ();
use Time::HiRes qw(sleep);
use Time::Local qw(timegm);

use KafkaWS::Process qw(wait_for now);

use constant { PAUSE => 0.01, TIMEOUT => 10, FILE => 'neighbour' };

my %sites = ("/neighbour/file.html" => 'static',
	'/neighbour/proxy/' => 'proxied');

sub locations {
	return <<'EOT';
        location /neighbour/ {
            root  %%TESTDIR%%;
        }

        location /neighbour/proxy/ {
            proxy_pass  http://127.0.0.1:%%PORT_neighbour%%;
        }
EOT
}

sub server {
	return <<'EOT';
    server {
        listen  127.0.0.1:%%PORT_neighbour%%;

        location / {
            return  200 "proxied";
        }
    }
EOT
}

# nginx: a running KafkaWS::Nginx with the locations and the server
sub start {
	my ($class, $nginx) = @_;
	my $dir = $nginx->testdir;
	my $self = bless { nginx => $nginx, taken => 0,
		file => "$dir/" . FILE . '.log' }, $class;

	mkdir "$dir/neighbour";
	$nginx->write_file('neighbour/file.html', 'static');
	$nginx->write_file(FILE . '.log', '');

	$self->{pid} = fork() // die "fork: $!\n";
	$self->probe(getppid()) unless $self->{pid};

	# it runs
	$self->probes(scalar keys %sites);

	return $self;
}

# in the process that asks
sub probe {
	my ($self, $parent) = @_;
	my $stop = 0;

	$SIG{TERM} = sub { $stop = 1 };
	open my $f, '>>', $self->{file} or POSIX::_exit(1);
	$f->autoflush(1);

	while (!$stop && getppid() == $parent) {
		for my $uri (sort keys %sites) {
			my $since = now();
			my $r = eval { $self->{nginx}->http_get($uri,
				timeout => TIMEOUT) };
			my $said = !$r ? $@ : $r->status == 200
				&& $r->body eq $sites{$uri} ? 'ok'
				: "$uri: " . $r->raw;

			$said =~ tr/\n/ /;
			printf $f "%.4f %s\n", now() - $since, $said;
		}

		sleep PAUSE;
	}

	POSIX::_exit(0);
}

# What came since the last call, with as many probes more as are asked for:
# what is under way began before.
# returns: { n, failed, said, p50, p99, max }, seconds; said: the first of
# those that failed
sub probes {
	my ($self, $more) = @_;
	my @lines = $self->lines();
	my $wanted = @lines + ($more // 2 * keys %sites);

	wait_for(3 * TIMEOUT, sub {
		@lines = $self->lines();
		return @lines >= $wanted;
	})
		or die "the prober hangs\n";

	my @new = map { [split / /, $_, 2] } @lines[$self->{taken} .. $#lines];

	$self->{taken} = @lines;

	my @time = sort { $a <=> $b } map { $_->[0] } @new;
	my @bad = map { $_->[1] } grep { $_->[1] ne 'ok' } @new;

	return { n => scalar @new, failed => scalar @bad, said => $bad[0],
		p50 => $time[$#time * 0.5], p99 => $time[$#time * 0.99],
		max => $time[-1] };
}

# a line that is only half there counts later
sub lines {
	my ($self) = @_;

	return KafkaWS::Nginx::read_file($self->{file}) =~ /^(.*)\n/mg;
}

# returns: how it ended, 0 is in order
sub stop {
	my ($self) = @_;

	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;

	return $?;
}

# The lines that the module, or a warning and worse of whomever, wrote into
# the error log within a minute: the most of any process.  What a client
# does (info) is its own affair, and what the test allows itself to cause.
# from: bytes of the log to leave out
sub busiest {
	my ($nginx, $from) = @_;
	my $most = 0;
	my %times;

	for my $line (split /\n/, substr $nginx->log(), $from // 0) {
		my ($day, $time, $level, $pid, $text) = $line =~
			m{^([\d/]+) ([\d:]+) \[(\w+)\] (\d+)#\d+: (.*)} or next;

		next if $level =~ /^(?:info|debug)$/
			|| $level eq 'notice' && $text !~ /kafka ws/
			|| grep { $line =~ $_ } @{ $nginx->{allowed} };

		my ($y, $m, $d) = split m{/}, $day;
		my $at = timegm(reverse(split /:/, $time), $d, $m - 1, $y);
		my $t = $times{$pid} //= [];

		push @$t, $at;
		shift @$t while $t->[0] <= $at - 60;
		$most = @$t if @$t > $most;
	}

	return $most;
}

1;
