"""What the processes of a pod may do: whose they are, and what they cannot ask the kernel for."""

from composite import desired

# The user that our own programs run as, and the group that may write to the volumes: "nonroot" of
# the distroless images. https://github.com/GoogleContainerTools/distroless
NOBODY = 65532

# What the Pod Security standard "restricted" asks of a container, and of a pod.
# https://kubernetes.io/docs/concepts/security/pod-security-standards/
OURS = desired.SecurityContext(runAsNonRoot=True, runAsUser=NOBODY)
OUR_POD = desired.PodSecurityContext(fsGroup=NOBODY)

# Kaito's images belong to root, and a data set's image to its maker: they keep their user.
THEIRS = desired.SecurityContext()
